import importX from 'eslint-plugin-import-x'
import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default [
  ...neostandard({ ts: true, noJsx: true, ignores: [...resolveIgnoresFromGitignore(), 'tap-snapshots'] }),
  {
    rules: {
      // A constant and the type of its values may share a name; the compiler refuses a real redeclaration.
      '@typescript-eslint/no-redeclare': 'off'
    }
  },
  {
    plugins: { 'import-x': importX },
    rules: { 'import-x/order': ['error', { groups: ['builtin', 'external', 'parent', 'sibling'], alphabetize: { order: 'asc' } }] }
  }
]
