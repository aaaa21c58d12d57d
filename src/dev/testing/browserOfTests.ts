// A browser without a screen: it keeps cookies, follows redirects, and says with each request from where it comes, as browsers do.

import { request as send } from 'node:http'
import { text } from 'node:stream/consumers'

/** A page that the browser shows. */
export interface ShownPage {
  readonly url: string
  readonly status: number
  readonly text: string
  readonly headers: NodeJS.Dict<string | string[]>
}

export interface TestBrowser {
  /** Opens an address as if it was typed. */
  open(url: string): Promise<ShownPage>
  /** Follows a link, or sends a form, of a page. */
  go(from: ShownPage, path: string, form?: Readonly<Record<string, string>>): Promise<ShownPage>
  /** Stops before an address that begins with this; null follows to the end. */
  stopsAt: string | null
  readonly cookies: Map<string, string>
}

const MAX_HOPS = 20

/** The site of a request by Fetch Metadata: the worst of all origins on the way. Ports of one host are one site. */
function siteOf(origins: readonly (string | null)[]): string {
  const [first] = origins
  if (first === null || first === undefined) return 'none'
  if (origins.every((origin) => origin === first)) return 'same-origin'
  const hosts = new Set(origins.map((origin) => new URL(origin ?? first).hostname))
  return hosts.size === 1 ? 'same-site' : 'cross-site'
}

/** Makes a browser without cookies. The paths of cookies are not compared: no test has two of one name. */
export function createTestBrowser(): TestBrowser {
  const cookies = new Map<string, string>()

  const keep = (lines: readonly string[]): void => {
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      const isOver = value === '' || /max-age=0(?:;|$)/i.test(line) || /expires=Thu, 01 Jan 1970/i.test(line)
      if (isOver) cookies.delete(name)
      else cookies.set(name, value)
    }
  }

  const ask = async (url: URL, site: string, form: Readonly<Record<string, string>> | null, origin: string | null): Promise<ShownPage> => {
    const headers = {
      'sec-fetch-site': site,
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      ...(cookies.size === 0 ? {} : { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
      ...(form === null ? {} : { 'content-type': 'application/x-www-form-urlencoded', ...(origin === null ? {} : { origin }) }),
    }
    return await new Promise((resolve, reject) => {
      const request = send(url, { method: form === null ? 'GET' : 'POST', headers }, (response) => {
        keep(response.headers['set-cookie'] ?? [])
        text(response).then(
          (body) => resolve({ url: url.href, status: response.statusCode ?? 0, text: body, headers: response.headers }),
          reject,
        )
      })
      request.on('error', reject)
      request.end(form === null ? undefined : new URLSearchParams(form).toString())
    })
  }

  const follow = async (start: URL, initiator: string | null, form: Readonly<Record<string, string>> | null): Promise<ShownPage> => {
    let [url, origins, fields] = [start, [initiator], form]
    for (let hop = 0; hop < MAX_HOPS; hop += 1) {
      origins = [...origins, url.origin]
      const page = await ask(url, siteOf(origins), fields, initiator)
      const [, refreshed] = /^0; url=(.*)$/.exec(String(page.headers['refresh'] ?? '')) ?? []
      const next = page.headers.location ?? refreshed
      if (next === undefined) return page
      // A redirect belongs to the request before it. A page that sends the browser on begins anew.
      if (page.headers.location === undefined) origins = [url.origin]
      url = new URL(next, url)
      fields = null
      if (browser.stopsAt !== null && url.href.startsWith(browser.stopsAt)) return { ...page, url: url.href }
    }
    throw new Error('too many redirects')
  }

  const browser: TestBrowser = {
    cookies,
    stopsAt: null,
    open: (url) => follow(new URL(url), null, null),
    go: (from, path, form) => follow(new URL(path, from.url), new URL(from.url).origin, form ?? null),
  }
  return browser
}
