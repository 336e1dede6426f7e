// `npm run build`: makes what is shipped of the declarations that tsc has put into dist, and of the sources.
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'

/** Few large files: importing them takes a third of what importing each source file takes. */
const bundle = (outdir, ...entryPoints) => build({
  entryPoints,
  outdir,
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  chunkNames: 'shared-[hash]'
})

await bundle('dist/plugins', 'plugins/index.ts', 'plugins/testing.ts')
await bundle('dist/lib/cli', 'lib/cli/start.ts', 'lib/cli/demo.ts')

/** The declarations that the public ones are made of; nobody can import the others. */
function reachable (file, seen = new Set()) {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]+)['"]/g)) {
    reachable(join(dirname(file), path).replace(/\.ts$/, '.d.ts'), seen)
  }
  return seen
}

const needed = new Set(['index', 'testing'].flatMap(name => [...reachable(join('dist/plugins', `${name}.d.ts`))]))
for (const name of readdirSync('dist', { recursive: true })) {
  const file = join('dist', name)
  if (file.endsWith('.d.ts') && !needed.has(file)) rmSync(file)
}
