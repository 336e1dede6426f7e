import importX from 'eslint-plugin-import-x'
import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default [
  ...neostandard({
    ts: true,
    noJsx: true,
    filesTs: ['**/*.tsx'],
    // The last is a build.
    ignores: [...resolveIgnoresFromGitignore(), 'tap-snapshots', 'test/fixtures/redis-format/*.mjs']
  }),
  {
    rules: {
      // A constant and the type of its values may share a name; the compiler refuses a real redeclaration.
      '@typescript-eslint/no-redeclare': 'off',
      // Says that a promise is left alone on purpose.
      'no-void': ['error', { allowAsStatement: true }],
      '@stylistic/max-len': ['error', { code: 140, ignoreUrls: true, ignoreRegExpLiterals: true }]
    }
  },
  {
    plugins: { 'import-x': importX },
    rules: { 'import-x/order': ['error', { groups: ['builtin', 'external', 'parent', 'sibling'], alphabetize: { order: 'asc' } }] }
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-syntax': ['error', {
        selector: 'CallExpression[callee.property.name="match"] > :matches(Literal[raw=/^\'/], TemplateLiteral).arguments:nth-child(2)',
        message: 't.match compares substrings: use t.equal, or t.ok(text.includes(part))'
      }]
    }
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    languageOptions: {
      parserOptions: {
        project: ['./test/tsconfig.json', './test/browser/tsconfig.json', './plugins/playground/page/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', {
        // A test waits for those in it, and tap for all.
        allowForKnownSafePromises: [{ from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' }],
        allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: 'test' }]
      }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-misused-promises': 'error'
    }
  }
]
