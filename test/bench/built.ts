/** The package as it is shipped: compiled, so that nothing but its own code is measured. */
export async function importBuilt (): Promise<typeof import('../../plugins/index.ts')> {
  return await import(new URL('../../dist/plugins/index.js', import.meta.url).href)
}
