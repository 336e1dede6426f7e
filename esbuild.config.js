// `npm run build`: makes what is shipped of the declarations that tsc has put into dist, and of the sources.
import { copyFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from 'esbuild'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))

const common = { bundle: true, platform: 'node', target: 'node20.19' }
const modules = [
  'plugins/index.ts', 'plugins/testing.ts', 'plugins/playground.ts', 'plugins/metrics.ts',
  'lib/cli/start.ts', 'lib/cli/demo.ts', 'lib/cli/server.ts'
]

/** Few large files: importing them takes a third of what importing each source file takes. An entry loads nothing that it does not use. */
await build({
  ...common,
  entryPoints: modules,
  outbase: '.',
  outdir: 'dist',
  packages: 'external',
  splitting: true,
  format: 'esm',
  chunkNames: 'shared/[hash]'
})

/** What is a module of its own is loaded from there, by commands that need it. */
const loadModules = {
  name: 'load-modules',
  setup ({ onResolve }) {
    onResolve({ filter: /\.ts$/ }, ({ path, kind, importer, resolveDir }) => {
      const file = relative('.', join(resolveDir, path))
      if (kind === 'entry-point' || !modules.includes(file)) return undefined
      if (kind !== 'dynamic-import') throw new Error(`${importer} must load ${path} by import()`)
      return { path: `../../${file.replace(/ts$/, 'js')}`, external: true }
    })
  }
}

/** Colours of code and names of emoji, which cost 1.4 MB. */
const leaveOut = {
  name: 'leave-out',
  setup ({ onResolve, onLoad }) {
    onResolve({ filter: /^(cli-highlight|node-emoji)$/ }, ({ path }) => ({ path, namespace: 'left-out' }))
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'export const highlight = code => code; export const get = name => name' }))
  }
}

/** The licences of the packages that went into a bundle, as they want to be passed on. */
function licencesOf ({ inputs }) {
  const folders = new Set(Object.keys(inputs).flatMap(input => /^node_modules\/(?:@[^/]+\/)?[^/]+(?:\/node_modules\/(?:@[^/]+\/)?[^/]+)*/.exec(input)?.[0] ?? []))
  return [...folders].sort().map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry))
    return `${name} ${version}, ${license}\n\n${file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim()}\n`
  }).join(`\n${'-'.repeat(72)}\n\n`)
}

// The commands in one file, with all that a host of the plugin does not need and so does not install.
const commands = await build({
  ...common,
  entryPoints: ['lib/cli/main.ts'],
  outfile: 'dist/lib/cli/main.cjs',
  external: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }),
  format: 'cjs',
  banner: { js: '#!/usr/bin/env node' },
  minify: true,
  keepNames: true,
  metafile: true,
  plugins: [loadModules, leaveOut]
})
writeFileSync('dist/lib/cli/LICENSES.txt', licencesOf(commands.metafile))

// The page, with all that it shows with: nothing of it comes from elsewhere.
const page = await build({
  bundle: true,
  minify: true,
  metafile: true,
  legalComments: 'none',
  format: 'esm',
  target: ['chrome109', 'firefox115', 'safari16.4'],
  entryPoints: ['plugins/playground/page/app.tsx', 'plugins/playground/page/app.css'],
  outdir: 'dist/plugins/playground'
})
copyFileSync('plugins/playground/page/index.html', 'dist/plugins/playground/index.html')
writeFileSync('dist/plugins/playground/LICENSES.txt', licencesOf(page.metafile))

/** The declarations that the public ones are made of; nobody can import the others. */
function reachable (file, seen = new Set()) {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]+)['"]/g)) {
    reachable(join(dirname(file), path).replace(/\.ts$/, '.d.ts'), seen)
  }
  return seen
}

const needed = new Set(['index', 'testing', 'playground', 'metrics'].flatMap(name => [...reachable(join('dist/plugins', `${name}.d.ts`))]))
for (const name of readdirSync('dist', { recursive: true })) {
  const file = join('dist', name)
  if (file.endsWith('.d.ts') && !needed.has(file)) rmSync(file)
}
