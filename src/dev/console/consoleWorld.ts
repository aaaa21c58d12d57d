// The parts that the tests of the console share: a server with the built console, and a browser at one of its pages.

import type { Page } from 'playwright-core'
import { beforeAll } from 'vitest'
import { makeConsole } from '../../launch/consoleBuild.js'
import { useBrowser } from '../testing/browser.ts'
import { useServer } from '../testing/world.ts'
import type { TestServer } from '../testing/world.ts'

interface OpenOptions {
  readonly colorScheme?: 'light' | 'dark'
  readonly width?: number
  /** A script that runs before those of the page. */
  readonly before?: string
}

/** A console for the tests of a file. */
export interface ConsoleWorld {
  readonly server: () => TestServer
  /** Opens a page of the console in an empty window. @param path below `/console` */
  readonly open: (path: string, options?: OpenOptions) => Promise<Page>
}

/** Builds the console and starts a server for the tests of a file. A fault of a page fails its test. @param options of the server */
export function useConsole(options: Parameters<typeof useServer>[0] = {}): ConsoleWorld {
  beforeAll(async () => void (await makeConsole()))
  const server = useServer(options)
  const openBrowser = useBrowser()
  return {
    server,
    async open(path, { colorScheme = 'light', width = 1440, before } = {}) {
      const { page } = await openBrowser({ origins: [server().url], colorScheme, ...(before === undefined ? { isKept: true } : {}) })
      if (before !== undefined) await page.addInitScript(before)
      await page.setViewportSize({ width, height: 900 })
      await page.goto(`${server().url}/console${path}`)
      return page
    },
  }
}
