import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { BrowserContext } from 'playwright-core'

export const MISSING = 'There is no Chromium: neither CHROMIUM, nor /usr/bin/chromium, nor /usr/bin/google-chrome.'

/** Where a Chromium is; undefined if there is none. */
export const chromiumPath = (): string | undefined =>
  [process.env['CHROMIUM'] ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find(path => path !== '' && existsSync(path))

export interface Browser {
  context: BrowserContext
  close (): Promise<void>
}

/** A browser with an empty profile, that talks with nobody by itself. */
export async function openBrowser (options: { width?: number, height?: number, locale?: string } = {}): Promise<Browser> {
  const executablePath = chromiumPath()
  if (executablePath === undefined) throw new Error(MISSING)
  const { width = 1280, height = 800, locale = 'en-GB' } = options
  const profile = mkdtempSync(join(tmpdir(), 'wecom-chromium-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width, height },
    locale,
    permissions: ['clipboard-read', 'clipboard-write'],
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync'
    ]
  })
  return {
    context,
    async close () {
      await context.close()
      rmSync(profile, { recursive: true, force: true })
    }
  }
}
