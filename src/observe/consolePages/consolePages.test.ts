import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import express from 'express'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { sendRawRequest } from '../../dev/testing/rawHttp.ts'
import { useServer } from '../../dev/testing/world.ts'
import { makeConsole } from '../../launch/consoleBuild.js'
import { mountConsole } from './mount.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
const PAGE = '<div id="root"></div>'

beforeAll(async () => void (await makeConsole()))
const server = useServer()

const get = (target: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  fetch(`${server().url}${target}`, { method, headers: { accept: BROWSER, ...headers }, redirect: 'manual' })

const pageText = async (): Promise<string> => await (await get('/console/')).text()

/** The addresses that the page loads. */
const assetsOf = (page: string): string[] => [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, address = '']) => address)

describe('the page of the console', () => {
  test('A browser that opens / is sent to the console, and every other client, method and host gets what it got before (K41)', async () => {
    const answer = await get('/')
    expect(answer.status).toBe(302)
    expect(Object.fromEntries(answer.headers)).toMatchObject({ location: '/console/', vary: 'Accept', 'cache-control': 'no-cache' })
    for (const accept of ['application/json', '*/*', ''])
      expect(await server().board.get('/', { Accept: accept })).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
    expect((await get('/', {}, 'POST')).status).toBe(404)
    expect(await server().board.get('/', { Accept: BROWSER, Host: '<b>.example' })).toMatchObject({ body: { code: 'host_not_allowed' } })
  })

  test('Every address of a page gives the one page, with query and encoded parts, and the folder without its slash leads to it', async () => {
    const page = await pageText()
    expect(page).toContain(PAGE)
    for (const target of [
      '/console/ACM',
      '/console/ACM/issues/ACM-1?tab=runs',
      '/console/-/welcome',
      '/console/%E0%A4%A/x.y',
      '/console//',
    ])
      expect(await (await get(target)).text(), target).toBe(page)
    const moved = await get('/console?theme=dark&a=b?c')
    expect({ status: moved.status, to: moved.headers.get('location') }).toEqual({ status: 308, to: '/console/?theme=dark&a=b?c' })
    expect((await get('/consolefoo')).status).toBe(404)
  })

  test('No address of another part of the server gives the page of the console', async () => {
    const others = [
      '/api',
      '/api/none',
      '/api/companies',
      '/api/docs/',
      '/llms',
      '/llms/agent-configuration.txt',
      '/skills',
      '/skills/none',
    ]
    const rest = ['/metrics', '/livez', '/readyz', '/invite/none', '/cli-auth/none', '/board-claim/none', '/.well-known/jwks.json', '/none']
    for (const target of [...others, ...rest]) {
      const answer = await get(target)
      expect(await answer.text(), target).not.toContain(PAGE)
    }
    for (const target of ['/console/', '/console/ACM/locks', '/console/assets/none.js'])
      for (const method of ['POST', 'PUT', 'DELETE']) expect((await get(target, {}, method)).status, `${method} ${target}`).toBe(404)
  })

  test('A Host that is not allowed gets no file of the console', async () => {
    for (const target of ['/console/', '/console/icon.svg', '/'])
      expect(await sendRawRequest(server().url, [`GET ${target} HTTP/1.1`, 'Host: evil.example', `Accept: ${BROWSER}`])).toMatchObject({
        status: 403,
        body: { code: 'host_not_allowed' },
      })
  })

  test('The policy of the page allows scripts, styles and requests of this server only, and no text becomes markup', async () => {
    const { headers } = await get('/console/')
    const policy = new Map((headers.get('content-security-policy') ?? '').split('; ').map((part) => [part.split(' ')[0], part]))
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "require-trusted-types-for 'script'",
    ])
      expect(policy.get(part.split(' ')[0])).toBe(part)
    expect([...policy.values()].join()).not.toMatch(/unsafe|\*|https?:/)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    const page = await pageText()
    expect(page).not.toMatch(/<script>|<style|\son\w+=|\sstyle=|javascript:/i)
    expect(assetsOf(page).filter((address) => !address.startsWith('/console/'))).toEqual([])
  })
})

describe('the files of the console', () => {
  test('Every file that the page names exists, may be kept for a year, and the page is asked for each time', async () => {
    const page = await get('/console/ACM/locks')
    expect(page.headers.get('cache-control')).toBe('no-cache')
    const assets = assetsOf(await page.text())
    expect(assets.length).toBeGreaterThan(2)
    for (const address of assets) {
      const answer = await get(address)
      expect(answer.status, address).toBe(200)
      const isFixed = address.startsWith('/console/assets/')
      expect(answer.headers.get('cache-control'), address).toBe(isFixed ? 'public, max-age=31536000, immutable' : 'no-cache')
      expect(answer.headers.get('content-type')).toMatch(/^(text\/javascript|text\/css|image\/svg\+xml)/)
    }
  })

  test('A file is sent in the coding that the client accepts, each with its tag, and not again to a client that has it', async () => {
    const script = assetsOf(await pageText()).find((address) => address.endsWith('.js')) as string
    for (const target of [script, '/console/']) {
      const plain = await sendBytes(target, 'identity')
      for (const [coding, decode] of [
        ['br', brotliDecompressSync],
        ['gzip', gunzipSync],
      ] as const) {
        const coded = await sendBytes(target, coding)
        expect(coded.headers).toMatchObject({
          'content-encoding': coding,
          vary: 'Accept-Encoding',
          'content-length': String(coded.bytes.length),
        })
        expect(decode(coded.bytes).equals(plain.bytes)).toBe(true)
        expect(coded.headers['etag']).not.toBe(plain.headers['etag'])
        const again = await sendBytes(target, coding, { 'if-none-match': String(coded.headers['etag']) })
        expect({ status: again.status, length: again.bytes.length, tag: again.headers['etag'] }).toEqual({
          status: 304,
          length: 0,
          tag: coded.headers['etag'],
        })
        expect((await sendBytes(target, coding, { 'if-none-match': String(plain.headers['etag']) })).status).toBe(200)
      }
    }
  })

  test('HEAD gives the headers of a file and no body', async () => {
    for (const target of ['/console/', '/console/icon.svg', '/console/ACM/runs']) {
      const answer = await get(target, {}, 'HEAD')
      expect({ status: answer.status, text: await answer.text() }).toEqual({ status: 200, text: '' })
      expect(Number(answer.headers.get('content-length')), target).toBeGreaterThan(50)
    }
  })

  test('A file that does not exist is 404, and no path leads out of the folder', async () => {
    for (const target of [
      '/console/assets/none.js',
      '/console/assets/',
      '/console/robots.txt',
      '/console/favicon.ico',
      '/console/index.html.br',
    ])
      expect(await server().board.get(target), target).toMatchObject({ status: 404, body: { code: 'route_not_found' } })
    for (const target of [
      '/console/../package.json',
      '/console/assets/../../package.json',
      '/console/assets/..%2f..%2f..%2fpackage.json',
      '/console/%2e%2e/%2e%2e/package.json',
      '/console/assets/%00',
      '/console//etc/passwd',
    ]) {
      const { status, text } = await sendRawRequest(server().url, [`GET ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close'])
      expect([200, 404], target).toContain(status)
      if (status === 200) expect(text, target).toContain(PAGE)
      expect(text, target).not.toMatch(/"dependencies"|root:x:/)
    }
  })
})

/** The bytes of an answer as they were sent; `fetch` would decode them. */
async function sendBytes(target: string, coding: string, headers: Readonly<Record<string, string>> = {}) {
  const { request } = await import('node:http')
  const [answer] = (await once(
    request(`${server().url}${target}`, { headers: { 'accept-encoding': coding, ...headers } }).end(),
    'response',
  )) as [import('node:http').IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return { status: answer.statusCode ?? 0, headers: answer.headers, bytes: Buffer.concat(chunks) }
}

/** A server of the console of a folder alone. @returns its address */
async function serveFolder(folder: string): Promise<string> {
  const app = express()
  mountConsole(app, () => folder)
  app.get('/api/health', (_request, response) => void response.json({ status: 'ok' }))
  const served = createServer(app).listen(0, '127.0.0.1')
  onTestFinished(() => void served.close())
  await once(served, 'listening')
  return `http://127.0.0.1:${(served.address() as AddressInfo).port}`
}

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-console-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The text of a file, which the planted consoles do not compress. */
const textOf = async (url: string): Promise<string> => await (await fetch(url, { headers: { 'accept-encoding': 'identity' } })).text()

/** Writes a console as its build does. */
function plant(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name)
    mkdirSync(path.dirname(file), { recursive: true })
    for (const ending of ['', '.br', '.gzip']) writeFileSync(file + ending, text)
  }
}

const folderNamed = (digit: string): string => `console-${digit.repeat(32)}`

describe('a console that is not built', () => {
  test('Its pages say so with 503, the API answers, and the page comes without a restart once it is built', async () => {
    const folder = path.join(temporaryFolder(), folderNamed('a'))
    const url = await serveFolder(folder)
    const missing = await fetch(`${url}/console/ACM/locks`)
    expect(missing.status).toBe(503)
    expect(Object.fromEntries(missing.headers)).toMatchObject({ 'cache-control': 'no-store', 'retry-after': '10' })
    expect(await missing.text()).toContain('The console is not built')
    expect((await fetch(`${url}/api/health`)).status).toBe(200)
    expect(existsSync(folder)).toBe(false)
    plant(folder, { 'index.html': 'built' })
    await expect.poll(() => textOf(`${url}/console/ACM/locks`)).toBe('built')
  })

  test('A fault of the disk is an error, and not a console that is missing', async () => {
    const folder = path.join(temporaryFolder(), folderNamed('a'))
    writeFileSync(folder, 'no folder')
    expect((await fetch(`${await serveFolder(folder)}/console/`)).status).toBe(500)
  })
})

test('A page that was open before an update still finds its parts, and gets no page of the earlier console', async () => {
  const build = temporaryFolder()
  plant(path.join(build, folderNamed('a')), { 'index.html': 'earlier', 'assets/old.js': 'old', 'assets/both.js': 'old', 'old.svg': 'old' })
  plant(path.join(build, folderNamed('b')), { 'index.html': 'present', 'assets/new.js': 'new', 'assets/both.js': 'new' })
  writeFileSync(path.join(build, folderNamed('c')), 'no folder')
  const url = await serveFolder(path.join(build, folderNamed('b')))
  const names = ['', 'assets/new.js', 'assets/old.js', 'assets/both.js']
  expect(await Promise.all(names.map((name) => textOf(`${url}/console/${name}`)))).toEqual(['present', 'new', 'old', 'new'])
  expect((await fetch(`${url}/console/old.svg`)).status).toBe(404)
})
