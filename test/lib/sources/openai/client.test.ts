import t from 'tap'
import { importOpenAI, loadOpenAI } from '../../../../lib/sources/openai/client.ts'

t.test('the package is imported once', async t => {
  const loading = loadOpenAI()
  t.equal(loadOpenAI(), loading)
  t.equal(await loading, (await import('openai')).default)
})

t.test('a package that cannot be imported is a fault that names it, and says nothing of what it threw', async t => {
  const rejecting = (error: Error) => importOpenAI(async () => await Promise.reject(error))
  const fault = (reason: string) => ({
    code: 'WECOM_ERR_CONFIG',
    faults: [{ name: 'package openai', problem: `cannot be loaded (${reason}), expected it to be installed: npm install openai` }]
  })
  await t.rejects(
    rejecting(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })), fault('ERR_MODULE_NOT_FOUND')
  )
  await t.rejects(rejecting(new SyntaxError('Unexpected token')), fault('SyntaxError'))
})
