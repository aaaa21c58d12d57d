import { sendRequest } from './rawRequest.ts'
import { formWith } from './exampleRequests.ts'
import type { Reply } from './rawRequest.ts'
import type { Client, TestServer } from './world.ts'

/** The beginnings that make a file of each type. */
export const samples: Readonly<Record<string, Buffer>> = {
  'image/png': Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
  'image/jpeg': Buffer.from('ffd8ffe000104a464946', 'hex'),
  'image/gif': Buffer.from('GIF89a\x01\0\x01\0', 'latin1'),
  'image/webp': Buffer.from('RIFF\x24\0\0\0WEBPVP8 ', 'latin1'),
  'application/pdf': Buffer.from('%PDF-1.7\n'),
  'text/markdown': Buffer.from('# Grüße\n'),
  'text/plain': Buffer.from('words\n'),
  'application/json': Buffer.from('{"a":1}'),
  'text/csv': Buffer.from('a,b\n1,2\n'),
  'text/html': Buffer.from('<script>alert(1)</script>'),
}

interface UploadOptions {
  readonly bytes?: Uint8Array
  readonly type?: string
  readonly name?: string
  readonly fields?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends a form with one file. */
export async function upload(server: TestServer, client: Client, path: string, options: UploadOptions = {}): Promise<Reply> {
  const { type = 'text/plain', bytes = samples[type] ?? Buffer.from('words'), name = 'notes.txt', fields = {}, headers = {} } = options
  return await sendRequest(server.url, {
    method: 'post',
    path,
    headers: { ...client.headers, ...headers },
    body: formWith(bytes, type, name, fields),
  })
}

/** The answer to a request for a file. */
export interface Download {
  readonly status: number
  readonly bytes: Buffer
  readonly headers: Headers
}

/** Reads a file as it is, not as text. */
export async function download(
  server: TestServer,
  client: Client,
  path: string,
  { headers = {}, method = 'GET' }: { readonly headers?: Readonly<Record<string, string>>; readonly method?: string } = {},
): Promise<Download> {
  const answer = await fetch(`${server.url}${path}`, { method, headers: { ...client.headers, ...headers } })
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()), headers: answer.headers }
}

/** How many rows of files there are, to show that nothing half is left. */
export async function fileCounts(server: TestServer): Promise<unknown> {
  const { rows } = await server.database.sql.query(`select (select count(*)::int from issue_attachments) as attachments,
    (select count(*)::int from assets) as assets, (select count(*)::int from asset_contents) as contents`)
  return rows[0]
}
