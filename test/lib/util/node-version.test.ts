import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { checkNode } from '../../../lib/util/node-version.ts'

t.test('a version of Node.js that lacks what is needed is told in words, and no other', async t => {
  checkNode()
  checkNode('20.19.0', { hash () {}, parseEnv () {} })
  for (const lacking of [{}, { hash () {} }, { parseEnv () {} }]) {
    t.throws(() => checkNode('18.20.8', lacking), {
      code: 'WECOM_ERR_CONFIG',
      message: 'fastify-wecom-stream is not configured correctly:\n' +
        '- Node.js: is 18.20.8, expected 20.19 or later, 22.12 or later, or 24 and later'
    })
  }
})

t.test('nothing that an old Node.js lacks is imported by its name, which would end in an error of syntax', async t => {
  const named: string[] = []
  for (const room of ['lib', 'plugins']) {
    for (const file of readdirSync(room, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))) {
      const source = readFileSync(`${room}/${file}`, 'utf8')
      if (/import [^;'"]*\{[^}]*\b(?:hash|parseEnv)\b[^}]*\} from 'node:/.test(source)) named.push(`${room}/${file}`)
    }
  }
  t.strictSame(named, [])
})
