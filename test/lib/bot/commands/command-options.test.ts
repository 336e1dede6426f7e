import t from 'tap'
import { commandFaults } from '../../../../lib/bot/commands/command-options.ts'

const run = (): string => ''
const good = { words: ['/x'], description: 'x', run }

t.test('commands that can be called have no fault', async t => {
  for (const options of [undefined, {}, { stop: [], new: [], help: ['/?'] }, { stop: undefined, more: [] }, {
    more: [good, { ...good, words: [] }]
  }, { stop: [], more: [{ ...good, words: ['/stop'] }] }]) {
    t.strictSame(commandFaults(options), [])
  }
  for (const options of ['/stop', 5, null, []]) t.strictSame(commandFaults(options), [], 'the check of the option says what is wrong')
})

t.test('a word that calls two commands is a fault of the second', async t => {
  for (const [options, name, word] of [
    [{ stop: ['/x'], new: ['/x'] }, 'new', '"/x"'],
    [{ stop: ['/x', '/X'] }, 'stop', '"/X"'],
    [{ more: [{ ...good, words: ['／ＳＴＯＰ '] }] }, 'more[0].words', '"／ＳＴＯＰ "'],
    [{ help: ['/x'], more: [{ ...good, words: ['/X'] }] }, 'more[0].words', '"/X"']
  ] as const) {
    t.strictSame(
      commandFaults(options), [{ name: `option commands.${name}`, problem: `has ${word}, which calls a command already` }]
    )
  }
})

t.test('all faults are told at once, each by its name', async t => {
  const faults = commandFaults({
    stop: '/stop',
    new: ['/new', ' \u3000'],
    help: [5],
    halt: [],
    more: [
      good, { words: '/y', run }, { words: ['/z'], description: 5 }, 'x', null
    ]
  })
  t.strictSame(faults, [
    { name: 'option commands.halt', problem: 'is unknown, expected stop, new, help or more' },
    { name: 'option commands.stop', problem: 'is of type string, expected a list of words' },
    { name: 'option commands.new', problem: 'has a word that is blank or no text' },
    { name: 'option commands.help', problem: 'has a word that is blank or no text' },
    { name: 'option commands.more[1].words', problem: 'is of type string, expected a list of words' },
    { name: 'option commands.more[1].description', problem: 'is of type undefined, expected text' },
    { name: 'option commands.more[2].description', problem: 'is of type number, expected text' },
    { name: 'option commands.more[2].run', problem: 'is of type undefined, expected a function' },
    { name: 'option commands.more[3]', problem: 'is of type string, expected an object with words, description and run' },
    { name: 'option commands.more[4]', problem: 'is of type null, expected an object with words, description and run' }
  ])
  t.strictSame(commandFaults({ more: {} }), [{ name: 'option commands.more', problem: 'is of type object, expected a list of commands' }])
})
