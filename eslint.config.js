import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default [
  ...neostandard({ ts: true, noJsx: true, ignores: [...resolveIgnoresFromGitignore(), 'tap-snapshots'] }),
  {
    rules: {
      // A constant and the type of its values may share a name; the compiler refuses a real redeclaration.
      '@typescript-eslint/no-redeclare': 'off'
    }
  }
]
