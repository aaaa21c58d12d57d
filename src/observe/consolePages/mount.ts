import fresh from 'fresh'
import type { Express, Request, RequestHandler, Response } from 'express'
import { codingFor, varyOf } from '../../http/compress.ts'
import { apiHeaders, pageHeaders } from '../../http/headers.ts'
import { pageMarkup, pageStyleSource } from '../../http/pageStyle.ts'
import { readConsole } from './files.ts'
import type { ConsoleFile, ConsoleFiles } from './files.ts'

/** Where the console stands, for browsers that ask for `/`. */
const CONSOLE_PATH = '/console/'

/** The page runs scripts of this server only, asks this server only, and is shown in no frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data: blob:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

const consoleHeaders: Readonly<Record<string, string>> = { ...pageHeaders, 'Content-Security-Policy': POLICY }

const notBuilt = pageMarkup(
  'The console is not built · paperclip-server',
  `<h1>The console is not built</h1>
<p>The server runs, and its API answers. Run <code>npm rebuild</code> or <code>node src/launch/prepare.js</code> in the folder of the program, as an account
that may write there; its output says what is missing. Then load this page again.</p>
<ul><li><a href="/api/docs/">The API</a></li><li><a href="/api/health">The health of this server</a></li></ul>`,
  'wide',
)

function sendNotBuilt(response: Response): void {
  response.writeHead(503, {
    ...pageHeaders,
    'Content-Security-Policy': `default-src 'none'; style-src ${pageStyleSource}; img-src data:; frame-ancestors 'none'; base-uri 'none'`,
    'Cache-Control': 'no-store',
    'Retry-After': '10',
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(notBuilt),
  })
  response.end(notBuilt)
}

/** A file whose name has the hash of its content never changes; the page that names them is asked for each time. */
function sendFile(request: Request, response: Response, file: ConsoleFile, isFixed: boolean): void {
  const coding = codingFor(request)
  const etag = coding === null ? `"${file.etag}"` : `"${file.etag}-${coding}"`
  const headers = {
    ...(file.type.startsWith('text/html') ? consoleHeaders : apiHeaders),
    'Cache-Control': isFixed ? 'public, max-age=31536000, immutable' : 'no-cache',
    Vary: varyOf(response),
    ETag: etag,
  }
  if (fresh({ 'if-none-match': request.headers['if-none-match'] }, { etag })) return void response.writeHead(304, headers).end()
  const body = file.bodies.get(coding) as Buffer
  const coded = coding === null ? {} : { 'Content-Encoding': coding }
  response.writeHead(200, { ...headers, ...coded, 'Content-Type': file.type, 'Content-Length': body.length })
  response.end(request.method === 'HEAD' ? undefined : body)
}

const isRead = ({ method }: Request): boolean => method === 'GET' || method === 'HEAD'

function redirect(response: Response, status: 302 | 308, to: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { ...pageHeaders, ...headers, 'Cache-Control': 'no-cache', Location: to, 'Content-Length': 0 })
  response.end()
}

/** A browser that opens `/` is sent to the console. Every other client gets what an unknown path gives. */
const redirectToConsole: RequestHandler = (request, response, next) => {
  if (!isRead(request) || request.accepts(['json', 'html']) !== 'html') return next()
  redirect(response, 302, CONSOLE_PATH, { Vary: 'Accept' })
}

/** Names of files, unlike addresses of pages: their first part has a dot, which no prefix of a company has. */
const isFileName = (name: string): boolean => name.startsWith('assets/') || /^[^/]*\./.test(name)

/** How long a console that was not built is not looked for again, because its name is computed from all sources. */
const LOOK_AGAIN_MS = 1000

/** Reads the files when they are first asked for, and again while there are none. */
function createReader(folderOf: () => string): () => Promise<ConsoleFiles | null> {
  let reading: Promise<ConsoleFiles | null> | null = null
  let readAt = 0
  const read = async (): Promise<ConsoleFiles | null> => await readConsole(folderOf())
  return async () => {
    if (reading === null || ((await reading.catch(() => null)) === null && performance.now() - readAt > LOOK_AGAIN_MS)) {
      readAt = performance.now()
      reading = read()
    }
    return await reading
  }
}

/**
 * Serves the operator's console below `/console/`. Addresses of its pages all give the one page; a file that does not exist gives what an
 * unknown path gives. The files are public: everything that a person may see comes through the API, with its permissions.
 * @param folderOf where the built console stands
 */
export function mountConsole(app: Express, folderOf: () => string): void {
  const filesOf = createReader(folderOf)
  app.all('/', redirectToConsole)
  app.use('/console', async (request, response, next) => {
    if (!isRead(request)) return next()
    const [path, ...search] = request.originalUrl.split('?')
    if (path === '/console') return redirect(response, 308, [CONSOLE_PATH, ...search].join('?'))
    const files = await filesOf()
    if (files === null) return sendNotBuilt(response)
    const name = request.path.slice(1)
    const file = files.get(name)
    if (file !== undefined) return sendFile(request, response, file, name.startsWith('assets/'))
    const page = files.get('index.html')
    if (isFileName(name) || page === undefined) return next()
    sendFile(request, response, page, false)
  })
}
