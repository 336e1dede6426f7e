import t from 'tap'
import { createHarmonySplitter } from '../../../lib/sources/harmony-splitter.ts'

/** The text and the thinking of an answer that comes in these pieces. */
function told (pieces: string[]): { text: string, reasoning: string } {
  const splitter = createHarmonySplitter()
  const parts = [...pieces.flatMap(piece => splitter.push(piece)), ...splitter.flush()]
  const of = (type: string): string => parts.filter(part => part.type === type).map(part => part.text).join('')
  return { text: of('text'), reasoning: of('reasoning') }
}

const ANSWER = '<|channel|>analysis<|message|>they ask<|end|><|start|>assistant<|channel|>final<|constrain|>json<|message|>well<|return|>'

t.test('channels are told apart, wherever their marks are cut', async t => {
  const expected = { text: 'well', reasoning: 'they ask' }
  t.strictSame(told([ANSWER]), expected)
  t.strictSame(told([...ANSWER]), expected)
  for (let at = 1; at < ANSWER.length; at++) t.strictSame(told([ANSWER.slice(0, at), ANSWER.slice(at)]), expected, `cut at ${at}`)
})

t.test('an answer that does not begin with a mark is about them', async t => {
  t.strictSame(told(['use ', '<|channel|>final']), { text: 'use <|channel|>final', reasoning: '' })
  t.strictSame(told(['<|chan', 'ge|>']), { text: '<|change|>', reasoning: '' })
})

t.test('an answer that begins with a mark may be about them, too', async t => {
  for (const answer of [
    '<|channel|> 是 gpt-oss 的标记。', '<|start|> 和 <|end|> 是标记。', '<|start|> and <|end|> are marks of gpt-oss.', '<|channel|>',
    '<|channel|> marks <|end|> it', '<|channel|>marks',
    `<|start|>${'a'.repeat(300)}`, '<|start|>a<|end|>, <|message'
  ]) {
    const expected = answer === '<|channel|>' ? { text: '', reasoning: '' } : { text: answer, reasoning: '' }
    t.strictSame(told([answer]), expected, answer)
    t.strictSame(told([...answer]), expected, answer)
  }
})

t.test('marks that are named in a message stay in it', async t => {
  for (const said of ['use `<|end|>` here', 'first <|end|> then <|return|>, that is all', '<|im_start|> is none']) {
    t.strictSame(told([...`<|channel|>final<|message|>${said}<|return|>`]), { text: said, reasoning: '' })
  }
  t.strictSame(told(['<|channel|>analysis<|message|>a<|end|>assistant<|channel|>final<|message|>b']), { text: 'b', reasoning: 'a' })
  const call = '<|start|>assistant<|channel|>commentary to=functions.look_up <|constrain|>json<|message|>{}<|call|>'
  t.strictSame(told([...call]), { text: '', reasoning: '{}' })
})

t.test('what is held back at the end is text', async t => {
  t.strictSame(told(['<|chan']), { text: '<|chan', reasoning: '' })
  t.strictSame(told(['<|channel|>final<|message|>a <|']), { text: 'a <|', reasoning: '' })
})
