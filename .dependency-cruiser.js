/** The rooms of lib/ from the lowest floor up. A room imports rooms of lower floors only, for types too. */
const FLOORS = [
  ['diagnostics', 'util'], ['outbound'], ['wecom'], ['texts'], ['sources', 'simulator'], ['stores'], ['streams', 'replies'], ['config'],
  ['bot', 'playground', 'signals'], ['cli']
]

const rooms = FLOORS.flat()

/** For each room, one rule against every room that is not below it. */
const upward = FLOORS.flatMap((floor, level) => floor.map(room => {
  const above = rooms.filter(other => other !== room && !FLOORS.slice(0, level).flat().includes(other))
  return {
    name: `${room}-imports-only-rooms-below-it`,
    severity: 'error',
    from: { path: `^lib/${room}/` },
    // Only the commands stand above the plugins.
    to: { path: above.length > 0 ? `^(lib/(${above.join('|')})|plugins)/` : '^nothing$' }
  }
}))

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...upward,
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-file-outside-a-room', severity: 'error', from: { path: '^(lib|plugins)/' }, to: { path: `^lib/(?!(${rooms.join('|')})/)` }
    },
    { name: 'no-upward-to-tests', severity: 'error', from: { path: '^(lib|plugins)/' }, to: { path: '^test/' } }
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' }
  }
}
