import t from 'tap'
import { readFailure } from '../../../../lib/stores/redis/error-replies.ts'

t.test('replies of servers are told apart by what is to be done', t => {
  for (const [message, kind, code, cure = /./] of [
    ["READONLY You can't write against a read only replica. script: f1bf, on @user_script:1.", 'wrong server', 'READONLY'],
    [
      "ERR Error running script (call to f_a1): @user_script:1: -READONLY You can't write against a read only replica.", 'wrong server',
      'READONLY'
    ],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'wrong server', 'MASTERDOWN'],
    ['CLUSTERDOWN The cluster is down', 'wrong server', 'CLUSTERDOWN'],
    ['LOADING Redis is loading the dataset in memory', 'wrong server', 'LOADING'],
    ["NOPERM this user has no permissions to run the 'set' command", 'refused', 'NOPERM', /ACL line/],
    [
      "ERR The user executing the script can't run this command or subcommand script: f1bf, on @user_script:1.", 'refused', 'ERR',
      /ACL line/
    ],
    [
      "ERR Error running script (call to f_a1): @user_script: 12: -OOM command not allowed when used memory > 'maxmemory'.", 'refused',
      'OOM', /maxmemory/
    ],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'refused', 'OOM', /maxmemory/],
    ['ERR Error running script (call to f_a1): @user_script:1: @user_script: 1: Wrong number of args', 'refused', 'ERR', /6\.2/],
    ['NOAUTH Authentication required.', 'refused', 'NOAUTH', /REDIS_URL/],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'refused', 'WRONGTYPE', /REDIS_PREFIX/],
    ['TRYAGAIN', 'refused', 'TRYAGAIN']
  ] as const) t.match(readFailure(new Error(message)), { kind, code, cure }, message)
  t.end()
})

t.test('what is no reply is a server that is away', t => {
  for (const error of [
    new Error(
      'Socket closed unexpectedly'
    ), new Error('The client is closed'), new Error('Connection is closed.'), new Error('read ECONNRESET'), new AggregateError([]),
    new Error(
      "Stream isn't writeable and enableOfflineQueue options is false"
    ), new Error('All sentinels are unreachable.'), new Error('Redis did not answer within 300 ms'), 'thrown', undefined
  ]) t.hasStrict(readFailure(error), { kind: 'away', code: '' }, String(error))
  t.end()
})

t.test('what was asked is left out of the reason', t => {
  t.equal(readFailure(
    new Error("ERR unknown command 'NOPE', with args beginning with: 'a prompt\nof two lines' ")
  ).reason, "ERR unknown command 'NOPE'")
  t.end()
})
