import type { TestProject } from 'vitest/node'
import { startSharedBrowser } from '../testing/browser.ts'

/** One browser process for the whole run. A file connects to it, and what it has opened ends with it. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const browser = await startSharedBrowser()
  if (browser !== null) project.provide('browser', browser.address)
  return async () => await browser?.stop()
}
