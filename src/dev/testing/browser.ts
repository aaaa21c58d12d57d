// A real Chromium for the tests of pages: each person has a browser context of its own, and every page is watched for faults.

import { accessSync, constants, readFileSync } from 'node:fs'
import path from 'node:path'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContext, BrowserContextOptions, LaunchOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, onTestFinished } from 'vitest'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The address of the browser that the files of a run share; without one each file starts its own. */
    browser?: string
  }
}

const { env } = process

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The Chromium of this machine: that of `CHROMIUM`, or of Debian; null where there is none. */
const executable = [...(env['CHROMIUM'] === undefined ? [] : [env['CHROMIUM']]), ...PLACES].find(isExecutable) ?? null

/**
 * Whether the tests of pages can run here. `.ci/run` sets `CHROMIUM` to the one that it has installed.
 * @throws Error when `CHROMIUM` names none, so that these tests are not skipped by mistake
 */
export const hasChromium = ((): boolean => {
  if (env['CHROMIUM'] !== undefined && executable !== env['CHROMIUM']) throw new Error(`CHROMIUM: ${env['CHROMIUM']} cannot be run`)
  return executable !== null
})()

/** A host name that leads to this machine in the browser of the tests, for addresses that need one. */
export const TEST_HOST = 'paperclip.test'

/** A machine is allowed to be this slow before a test gives up waiting for a page. */
const TIMEOUT_MS = 45_000

/**
 * Parts of the window of a person, which no test shows: Chromium draws a list below the address bar as two pages more for each page. The rest is what
 * the driver switches off, because only the last such list counts.
 */
const FEATURES_OFF = [
  'WebUIOmniboxPopup',
  'WebUIOmniboxAimPopup',
  'WebUIOmniboxFullPopup',
  'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose',
  'HttpsUpgrades',
  'HttpsFirstBalancedModeAutoEnable',
  'LensOverlay',
  'MediaRouter',
  'PaintHolding',
  'ThirdPartyStoragePartitioning',
  'AvoidCorsURLLoaderRestartOnRedirect',
  'OptimizationHints',
  'NetworkTimeServiceQuerying',
  'AimEnabled',
  'PreconnectToSearch',
]

const optionsOf = (executablePath: string): LaunchOptions => ({
  executablePath,
  args: [
    `--disable-features=${FEATURES_OFF.join(',')}`,
    // Root has no sandbox. The pages of these tests are those of the server.
    '--no-sandbox',
    '--disable-gpu',
    // A container may have a /dev/shm of a few megabytes.
    '--disable-dev-shm-usage',
    // No other name is looked up, so that neither a page nor the browser itself leaves this machine.
    `--host-resolver-rules=MAP ${TEST_HOST} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost`,
  ],
  timeout: TIMEOUT_MS,
})

/** The browser of a file: the one of the run, to which it connects, or one of its own. Its end closes what the file has opened. */
function openBrowser(executablePath: string): Promise<Browser> {
  const shared = inject('browser')
  return shared === undefined ? chromium.launch(optionsOf(executablePath)) : chromium.connect(shared, { timeout: TIMEOUT_MS })
}

/** Starts a browser for all files of a run; null where there is no Chromium. @returns its address, and ends it */
export async function startSharedBrowser(): Promise<{ readonly address: string; readonly stop: () => Promise<void> } | null> {
  if (executable === null) return null
  const server = await chromium.launchServer(optionsOf(executable))
  return { address: server.wsEndpoint(), stop: () => server.close() }
}

export interface VisitorOptions extends Pick<BrowserContextOptions, 'javaScriptEnabled' | 'ignoreHTTPSErrors' | 'colorScheme'> {
  /** The origins that pages may ask: the server's first, and for instance that of a provider of sign-ins, whose pages are not checked. */
  readonly origins: readonly string[]
  /** Whether the test ends connections, or makes the server refuse: what the browser says about that is no fault. */
  readonly losesConnections?: true
  /** The addresses of files that the test refuses: what the browser says about their status is no fault. */
  readonly refusedFiles?: RegExp
  /** Whether a later test of the file may have the same window, emptied: for tests that put no script and no cookie into it. */
  readonly isKept?: true
}

/** A person at a browser, with cookies that no other person has. */
export interface Visitor {
  readonly context: BrowserContext
  readonly page: Page
  /** One sentence for each fault so far: an error in the console, an exception, a breach of the policy, a request to another origin. */
  readonly faults: () => readonly string[]
}

/** A page or its script sees an error status of these itself. Any other file of a page has to exist. */
const SEES_ITS_STATUS: ReadonlySet<string> = new Set(['document', 'fetch', 'xhr'])

/** The words of a browser about a connection that was lost. */
const LOST = /^Failed to load resource: net::ERR_|^TypeError: Failed to fetch dynamically imported module/

/** Opens a context whose faults are collected. The caller closes it and looks at them. */
export async function openVisitor(
  browser: Browser,
  { origins, losesConnections, refusedFiles, isKept: _, ...options }: VisitorOptions,
): Promise<Visitor> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(TIMEOUT_MS)
  const refused = new Set<string>()
  const found: { readonly sentence: string; readonly isAboutStatusOf: string | null }[] = []
  const isForeign = (url: string): boolean => origins.slice(1).some((origin) => url.startsWith(`${origin}/`))
  const note = (sentence: string, isAboutStatusOf: string | null = null): void => void found.push({ sentence, isAboutStatusOf })
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (/^(http|ws)s?:$/.test(protocol) && !origins.includes(origin)) note(`a request to ${request.url()}`)
  })
  context.on('response', (response) => {
    if (response.status() >= 500 && losesConnections !== true) note(`${response.status()} for ${response.url()}`)
    if (response.status() >= 400 && SEES_ITS_STATUS.has(response.request().resourceType())) refused.add(response.url())
  })
  // Chromium reports a breach of the Content-Security-Policy as an error of the console.
  context.on('console', (message) => {
    const { url } = message.location()
    if (message.type() !== 'error' || isForeign(url)) return
    if (losesConnections === true && LOST.test(message.text())) return
    const isStatus = message.text().startsWith('Failed to load resource: the server responded with a status of')
    if (isStatus && refusedFiles?.test(url) === true) return
    note(`console: ${message.text()}`, isStatus ? url : null)
  })
  context.on('weberror', (error) => note(`exception: ${error.error().message}`))
  const page = await context.newPage()
  return {
    context,
    page,
    faults: () =>
      found.filter(({ isAboutStatusOf }) => isAboutStatusOf === null || !refused.has(isAboutStatusOf)).map(({ sentence }) => sentence),
  }
}

/** The browser of the file that runs, and how many parts of the file use it. */
const ofFile: { browser: Promise<Browser> | null; users: number } = { browser: null, users: 0 }

/** Makes the window of a visitor as if it were new. Its cache stays, so that the next page is there sooner. */
async function empty({ context, page }: Visitor, origin: string): Promise<void> {
  for (const other of context.pages()) if (other !== page) await other.close()
  for (const name of ['request', 'requestfinished', 'requestfailed'] as const) page.removeAllListeners(name)
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  // A picture of the same origin runs no script that could write anything again.
  await page.goto(`${origin}/console/icon.svg`)
  await page.evaluate('localStorage.clear(), sessionStorage.clear()')
  await context.clearCookies()
  await context.clearPermissions()
}

/**
 * One browser for the tests of a file. A context that a test opens is closed with it, unless it is kept, and a fault of a page fails the test.
 * @returns opens the browser of one more person
 */
export function useBrowser(): (options: VisitorOptions) => Promise<Visitor> {
  const kept: Visitor[] = []
  beforeAll(async () => {
    ofFile.users += 1
    if (executable !== null) await (ofFile.browser ??= openBrowser(executable))
  })
  afterAll(async () => {
    ofFile.users -= 1
    const { browser } = ofFile
    if (ofFile.users > 0 || browser === null) return
    ofFile.browser = null
    await (await browser).close()
  })
  return async (options) => {
    if (ofFile.browser === null) throw new Error('there is no Chromium on this machine; skip the test with `hasChromium`')
    const { isKept = false, colorScheme = 'light', origins } = options
    const visitor = (isKept ? kept.pop() : undefined) ?? (await openVisitor(await ofFile.browser, options))
    await visitor.page.emulateMedia({ colorScheme })
    onTestFinished(async () => {
      const early = visitor.faults()
      if (isKept && early.length === 0) await empty(visitor, origins[0] ?? '')
      else await visitor.context.close()
      expect(visitor.faults()).toEqual([])
      if (isKept) kept.push(visitor)
    })
    return visitor
  }
}

/** A browser that no other file uses, for measurements and for contexts whose faults are part of the test. */
export const launchBrowser = async (): Promise<Browser> => await chromium.launch(optionsOf(executable ?? ''))

export interface Asked {
  readonly status: number
  // Bodies differ by route and are asserted on by the tests themselves.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** Sends a request from the page that is shown, as its script would: with the cookies of the person, under the policy of the page. */
export const ask = (page: Page, method: string, route: string, body: unknown = null): Promise<Asked> =>
  page.evaluate(
    async (request) => {
      const answer = await fetch(request.route, {
        method: request.method,
        ...(request.body === null ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(request.body) }),
      })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? null : (JSON.parse(text) as unknown) }
    },
    { method, route, body },
  )

const lookAtPage = readFileSync(path.join(import.meta.dirname, 'lookAtPage.fixture.js'), 'utf8')

/** A small telephone, and a laptop. */
const WIDTHS = [360, 1280]

/** The faults of the page that is shown, on small and large screens, light and dark; `SCREENSHOTS` names a folder for pictures of it. */
export async function faultsOf(page: Page, name: string): Promise<string[]> {
  const found: string[] = []
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 })
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      for (const sentence of await page.evaluate<string[]>(lookAtPage)) found.push(`${name}, ${width}, ${colorScheme}: ${sentence}`)
      const folder = env['SCREENSHOTS']
      if (folder !== undefined) await page.screenshot({ path: path.join(folder, `${name}-${width}-${colorScheme}.png`), fullPage: true })
    }
  }
  return found
}

/** The name of the element that has the focus, and whether a person sees that it has it; null for the page itself. */
const FOCUSED = `(() => {
  const at = document.activeElement
  if (at === null || at === document.body) return null
  const { outlineStyle, outlineWidth } = getComputedStyle(at)
  const name = at.labels?.[0]?.textContent.trim() || at.textContent.trim()
  return { name, isSeen: outlineStyle !== 'none' && outlineWidth !== '0px' }
})()`

/** Walks through the page with the tabulator, and returns the names of its elements in that order, each with a visible focus. */
export async function tabOrder(page: Page): Promise<string[]> {
  const names: string[] = []
  for (let presses = 0; presses < 50; presses += 1) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate<{ name: string; isSeen: boolean } | null>(FOCUSED)
    if (focused === null) break
    expect(focused, 'the focus is visible').toMatchObject({ isSeen: true })
    names.push(focused.name)
  }
  return names
}
