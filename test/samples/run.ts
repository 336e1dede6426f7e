import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/**
 * Runs the samples of lib/sources/README.md with the packages that they are written for: installs those, and runs the
 * tests of each folder on this Node, or on the one that is installed with them if its packages need a newer one.
 */
const HERE = import.meta.dirname
const ROOT = join(HERE, '../..')
const INSTALLED_NODE = join(HERE, 'node_modules/node/bin/node')

interface Manifest {
  engines?: { node: string }
  workspaces?: string[]
}

const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(HERE, folder, 'package.json'), 'utf8'))
const major = (version: string): number => Number(/\d+/.exec(version))

function install (): void {
  // npm would warn of each package that needs a newer Node.
  const { status } = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: HERE, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
  // A package cannot import itself by name from a folder that has a package.json of its own.
  const link = join(HERE, 'node_modules/fastify-wecom-stream')
  rmSync(link, { force: true })
  symlinkSync(ROOT, link, 'dir')
}

/** Not by `tap run`: its loader does not find all files of openai 7. */
async function test (folder: string): Promise<void> {
  const needed = major(manifestOf(folder).engines?.node ?? '0')
  const node = needed > major(process.versions.node) ? INSTALLED_NODE : process.execPath
  const args = ['--import', 'tsx', join(HERE, folder, 'samples.test.ts')]
  try {
    // The packages wait for seconds before they try again, and no sample sets for how long.
    const env = { ...process.env, TAP_TIMEOUT: '300' }
    const { stdout } = await promisify(execFile)(node, args, { cwd: ROOT, env, maxBuffer: Infinity })
    const where = node === process.execPath ? process.version : 'the installed Node'
    console.log(`${folder} on ${where}: ${/^# \{ total: .*/m.exec(stdout)?.[0]}`)
  } catch (error) {
    const { stdout = '', stderr = String(error) } = error as { stdout?: string, stderr?: string }
    console.error(`${folder}: failed\n${stdout}\n${stderr}`)
    process.exitCode = 1
  }
}

install()
await Promise.all((manifestOf('.').workspaces ?? []).map(test))
