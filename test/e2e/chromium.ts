/** The system's Chromium, and pictures of what it shows. */
import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** @throws {Error} that says how to install it. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: FLAGS })
}

function chromiumPath(): string {
  const given = process.env['CHROMIUM_PATH']
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const found = given ?? folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(existsSync)
  if (found && existsSync(found)) return found
  throw new Error(
    given
      ? `CHROMIUM_PATH: there is no ${given}.`
      : 'There is no Chromium on the PATH: install it (apt-get install chromium), or set CHROMIUM_PATH.',
  )
}

/** Where the pictures of the last run are. */
export const PICTURES = join(import.meta.dirname, '.pictures')

/** Light and dark, wide and as narrow as a small phone. */
export async function takePictures(page: Page, name: string): Promise<void> {
  mkdirSync(PICTURES, { recursive: true })
  const before = page.viewportSize()
  for (const scheme of ['light', 'dark'] as const) {
    for (const width of [1100, 360]) {
      await page.emulateMedia({ colorScheme: scheme })
      await page.setViewportSize({ width, height: 800 })
      await page.screenshot({ path: join(PICTURES, `${name}-${scheme}-${width}.png`), fullPage: true })
    }
  }
  await page.emulateMedia({ colorScheme: null })
  if (before) await page.setViewportSize(before)
}
