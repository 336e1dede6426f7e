import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

export const MISSING = 'There is no Chromium: neither CHROMIUM, nor /usr/bin/chromium, nor /usr/bin/google-chrome.'

/** Where a Chromium is; undefined if there is none. */
export const chromiumPath = (): string | undefined =>
  [process.env['CHROMIUM'] ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find(path => path !== '' && existsSync(path))

/** A browser with an empty profile, that talks with nobody by itself. A name of another site leads to this machine. */
export async function launchBrowser (): Promise<Browser> {
  const executablePath = chromiumPath()
  if (executablePath === undefined) throw new Error(MISSING)
  return await chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--host-resolver-rules=MAP evil.example 127.0.0.1'
    ]
  })
}
