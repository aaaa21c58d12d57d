import { gzipSync } from 'node:zlib'

/** A word that the program never writes: where it appears, a part of a request appeared. */
export const MARKER = 'Qzx7Marked'

/** A body as bytes, with the headers that announce it. */
export interface FuzzBody {
  readonly name: string
  readonly bytes: Buffer
  readonly headers?: readonly string[]
}

const json = ['Content-Type: application/json']
const nested = (open: string, close: string): string => `${open.repeat(20_000)}${close.repeat(20_000)}`
const text = (name: string, body: string, headers: readonly string[] = json): FuzzBody => ({ name, bytes: Buffer.from(body), headers })

/** Bodies that have brought servers down. */
export const fuzzBodies: readonly FuzzBody[] = [
  text('no JSON', `{${MARKER}`),
  text('half a JSON', `{"title":"${MARKER}`),
  text('NUL in a value', `{"title":"${MARKER}\\u0000","name":"\\u0000","body":"\\u0000","description":"\\u0000"}`),
  text('NUL in a key', `{"\\u0000${MARKER}":1}`),
  text('a raw NUL', `{"title":"${MARKER}\0"}`),
  text('a lone high surrogate', `{"title":"${MARKER}\\ud800","name":"\\ud800","body":"\\ud800"}`),
  text('a lone low surrogate in a key', `{"\\udc00":1}`),
  text('20,000 nested lists', nested('[', ']')),
  text('20,000 nested objects', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`),
  text('20,000 lists that never end', '['.repeat(20_000)),
  text('numbers beyond all columns', `{"budgetMonthlyCents":1e999,"requestDepth":99999999999999999999,"leaseSeconds":-1e308}`),
  text('a number of 100,000 digits', `{"budgetMonthlyCents":${'9'.repeat(100_000)}}`),
  text('__proto__', `{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"x":"${MARKER}"}}}`),
  text('a byte order mark', `\uFEFF{"title":"${MARKER}"}`),
  text('null', 'null'),
  text('an empty string', '""'),
  text('nothing but spaces', '   '),
  text('60,000 keys', `{${Array.from({ length: 25_000 }, (_, at) => `"k${at}":1`).join(',')}}`),
  {
    name: 'bytes that are no UTF-8',
    bytes: Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0xc0, 0x80, 0x22, 0x7d]),
    headers: json,
  },
  text('no content type', `{"title":"${MARKER}"}`, []),
  text('text', MARKER, ['Content-Type: text/plain']),
  text('a form', `title=${MARKER}`, ['Content-Type: application/x-www-form-urlencoded']),
  text('a multipart without parts', MARKER, ['Content-Type: multipart/form-data; boundary=x']),
  text('an unreadable content type', MARKER, ['Content-Type: ;;;===']),
  text('another charset', `{"title":"${MARKER}"}`, ['Content-Type: application/json; charset=utf-16']),
  text('a charset that is none', `{"title":"${MARKER}"}`, ['Content-Type: application/json; charset=nonsense']),
  text('an encoding that is none', `{"title":"${MARKER}"}`, [...json, 'Content-Encoding: nonsense']),
  text('gzip that is none', `{"title":"${MARKER}"}`, [...json, 'Content-Encoding: gzip']),
  text('brotli that is none', `{"title":"${MARKER}"}`, [...json, 'Content-Encoding: br']),
  text('deflate that is none', `{"title":"${MARKER}"}`, [...json, 'Content-Encoding: deflate']),
  text('two encodings', `{"title":"${MARKER}"}`, [...json, 'Content-Encoding: gzip, br']),
  {
    name: 'a gzip bomb',
    bytes: gzipSync(Buffer.from(`{"title":"${MARKER}${'x'.repeat(20_000_000)}"}`)),
    headers: [...json, 'Content-Encoding: gzip'],
  },
  { name: 'half a gzip', bytes: gzipSync(`{"title":"${MARKER}"}`).subarray(0, 20), headers: [...json, 'Content-Encoding: gzip'] },
]

const BOUNDARY = 'x7marked7x'
const multipart = [`Content-Type: multipart/form-data; boundary=${BOUNDARY}`]
const filePart = (
  content: string,
  head = 'Content-Disposition: form-data; name="file"; filename="a.gif"\r\nContent-Type: image/gif',
): string => `--${BOUNDARY}\r\n${head}\r\n\r\n${content}\r\n`
const fieldPart = (name: string, value: string): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const END = `--${BOUNDARY}--\r\n`
const GIF = `GIF89a${MARKER}`
const form = (name: string, body: string, headers: readonly string[] = multipart): FuzzBody => ({
  name,
  bytes: Buffer.from(body, 'latin1'),
  headers,
})

/** Forms that no file may come out of. */
export const fuzzForms: readonly FuzzBody[] = [
  form('nothing at all', ''),
  form('an end without a beginning', END),
  form('no boundary', filePart(GIF) + END, ['Content-Type: multipart/form-data']),
  form('an empty boundary', filePart(GIF) + END, ['Content-Type: multipart/form-data; boundary=']),
  form('a boundary of 5,000 characters', filePart(GIF) + END, [`Content-Type: multipart/form-data; boundary=${'b'.repeat(5000)}`]),
  form('another boundary than announced', filePart(GIF) + END, ['Content-Type: multipart/form-data; boundary=other']),
  form('another kind of multipart', filePart(GIF) + END, [`Content-Type: multipart/mixed; boundary=${BOUNDARY}`]),
  form('a form that is urlencoded', `file=${MARKER}`, ['Content-Type: application/x-www-form-urlencoded']),
  form('a form that ends in the head of a part', `--${BOUNDARY}\r\nContent-Disposition: form-da`),
  form('a head that ends in a boundary', `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"\r\n${END}`),
  form('a form that ends in its file', filePart(GIF).trimEnd()),
  form('a form that ends behind its file', filePart(GIF)),
  form('a form that ends in a field', `${filePart(GIF)}--${BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\n${MARKER}`),
  form('two files', filePart(GIF) + filePart(GIF) + END),
  form('two files of other names', filePart(GIF) + filePart(GIF, 'Content-Disposition: form-data; name="b"; filename="b"') + END),
  form('an empty file', filePart('') + END),
  form('no file', fieldPart('issueCommentId', MARKER) + END),
  form('a file under another name', filePart(GIF, 'Content-Disposition: form-data; name="upload"; filename="a.gif"') + END),
  form('a part without a name', filePart(GIF, 'Content-Disposition: form-data') + END),
  form('a part without a head', filePart(GIF, '') + END),
  form('a part that is no form-data', filePart(GIF, 'Content-Disposition: attachment; filename="a.gif"') + END),
  form('1,000 fields', `${Array.from({ length: 1000 }, (_, at) => fieldPart(`f${at}`, MARKER)).join('')}${filePart(GIF)}${END}`),
  form('1,000 parts without names', `${filePart('x', 'X-Other: 1').repeat(1000)}${END}`),
  form('a field of 20 KB', fieldPart('namespace', 'x'.repeat(20_000)) + filePart(GIF) + END),
  form('a field that is given twice', fieldPart('namespace', 'a') + fieldPart('namespace', 'b') + filePart(GIF) + END),
  form('a NUL in a field', fieldPart('issueCommentId', 'a\0b') + filePart(GIF) + END),
  form('a head of 100 KB', filePart(GIF, `X-Long: ${'x'.repeat(100_000)}\r\nContent-Disposition: form-data; name="file"`) + END),
  form('10,000 headers', filePart(GIF, `${'X: 1\r\n'.repeat(10_000)}Content-Disposition: form-data; name="file"`) + END),
  form('a picture that is none', filePart(MARKER) + END),
  form('a picture that is another', filePart(`\x89PNG\r\n\x1a\n${MARKER}`) + END),
  form('an unknown type', filePart(GIF, 'Content-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: x/y') + END),
  form(
    'a program',
    filePart(`MZ${MARKER}`, 'Content-Disposition: form-data; name="file"; filename="a.exe"\r\nContent-Type: application/x-msdownload') +
      END,
  ),
  form(
    'a script for a drawing',
    filePart(`<script>${MARKER}</script>`, 'Content-Disposition: form-data; name="file"; filename="a.svg"\r\nContent-Type: image/svg+xml') +
      END,
  ),
  form(
    'a page in UTF-16',
    filePart('\xff\xfe<\0h\0', 'Content-Disposition: form-data; name="file"; filename="a.html"\r\nContent-Type: text/html') + END,
  ),
  form('a form that is said to be gzip', filePart(GIF) + END, [...multipart, 'Content-Encoding: gzip']),
  form('a form that is JSON', `{"file":"${MARKER}"}`),
]

/** Spellings of a path parameter, percent-escaped already. */
export const fuzzParameters: readonly string[] = [
  '%',
  '%zz',
  '%00',
  '%c0%ae%c0%ae',
  '%ED%A0%80',
  '%ff',
  '%F0%9F%99%82',
  '..%2f..%2fetc%2fpasswd',
  '%22%27%3B--',
  '-1',
  '0',
  '1e400',
  'null',
  'undefined',
  'ACM-99999999999999999999',
  'ACM-2147483648',
  'ACM--1',
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '%7B00000000-0000-4000-8000-000000000000%7D',
  'a'.repeat(8000),
  '%20',
  '*',
  ';',
  'constructor',
  '__proto__',
]

const cursor = (value: unknown): string => `after=${Buffer.from(JSON.stringify(value)).toString('base64url')}`
const someId = '00000000-0000-4000-8000-000000000000'

/** Query strings; the last ones are cursors of the right form with keys no list has. */
export const fuzzQueries: readonly string[] = [
  'limit=-1',
  'limit=0',
  'limit=1001',
  'limit=NaN',
  'limit=1e999',
  'limit=1.5',
  'limit=',
  'limit=1&limit=2',
  'limit[]=1',
  'limit[a][b]=1',
  'after=%00',
  'after=%',
  'after=%ED%A0%80',
  `after=${MARKER}`,
  `after=${'x'.repeat(5000)}`,
  'q=%00',
  'q=%',
  `q=${encodeURIComponent('\\')}`,
  `q=${encodeURIComponent('%_%\\')}`,
  `q=${'%25'.repeat(500)}`,
  'q=a&q=b',
  'status=,,,',
  'status=nonsense',
  `status=${'todo,'.repeat(1000)}`,
  'companyId=nonsense',
  'companyId=a&companyId=b',
  `agentId=${MARKER}`,
  'agentId=&runId=&entityId=&action=&entityType=',
  'state=&order=&wakeCommentId=',
  'clearAssignee=maybe&dryRun=maybe',
  'assigneeUserId=me&touchedByUserId=me&unreadForUserId=me&inboxArchivedByUserId=me',
  'since=yesterday&until=tomorrow&from=0&to=0',
  '__proto__=1&constructor=2',
  '&&&&====',
  `${'a=1&'.repeat(2000)}`,
  ...[
    [],
    {},
    null,
    'text',
    7,
    [null],
    [''],
    ['', '', '', ''],
    [0, 0, 0, 0],
    [1e308, 1e308],
    [-1, someId],
    [2 ** 53, someId],
    ['2026-01-01T00:00:00.000Z', someId],
    ['2026-02-31T00:00:00.000Z', someId],
    ['9999999-01-01T00:00:00Z', someId],
    ['0000-00-00T00:00:00.000Z', someId],
    ['infinity', someId],
    ['-infinity', someId],
    ['\u0000', someId],
    ['\ud800', someId],
    [someId, someId],
    [someId, '2026-01-01T00:00:00.000Z'],
    [1, '2026-01-01T00:00:00.000Z', someId],
    [9999999999, '2026-01-01T00:00:00.000Z', someId],
    [1.5, '2026-01-01T00:00:00.000Z', someId],
    ['1', '2026-01-01T00:00:00.000Z', someId],
    [1, 'x', 'y', 'z'],
    [[[[]]]],
    ['x'.repeat(700), someId],
  ].map(cursor),
]

const LONG = 'x'.repeat(20_000)

/** Headers, each list sent with an otherwise good request. */
export const fuzzHeaders: readonly (readonly string[])[] = [
  [`X-Paperclip-Run-Id: ${MARKER}`],
  ['X-Paperclip-Run-Id: '],
  [`X-Paperclip-Run-Id: ${someId}`, `X-Paperclip-Run-Id: ${someId}`],
  ['X-Paperclip-Lock-Epoch: -1'],
  ['X-Paperclip-Lock-Epoch: 1e3'],
  ['X-Paperclip-Lock-Epoch: 999999999999999'],
  ['X-Paperclip-Lock-Epoch: 99999999999999999999'],
  ['X-Paperclip-Lock-Epoch: 1', 'X-Paperclip-Lock-Epoch: 2'],
  ['If-Match: '],
  ['If-Match: *'],
  [`If-Match: ${MARKER}`],
  ['If-Match: "999999999999999999999999"'],
  ['If-Match: "1", "2"'],
  [`If-Match: "${'1'.repeat(5000)}"`],
  ['Idempotency-Key: '],
  [`Idempotency-Key: ${'k'.repeat(256)}`],
  ['Idempotency-Key: a', 'Idempotency-Key: b'],
  ['Idempotency-Key: \u00ff\u00fe'],
  ['X-Request-Id: \u0001'],
  [`X-Request-Id: ${'r'.repeat(5000)}`],
  ['Accept: */*;q=nonsense,,,'],
  ['Accept: text/html'],
  ['Accept-Encoding: nonsense'],
  ['Range: bytes=0-18446744073709551615'],
  ['If-None-Match: "1"', 'If-Modified-Since: yesterday'],
  ['Expect: 100-continue'],
  ['Expect: nonsense'],
  ['Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'],
  ['Upgrade: nonsense', 'Connection: Upgrade'],
  ['Cookie: better-auth.session_token=x; __proto__=y'],
  [`Authorization: Bearer ${LONG.slice(0, 10_000)}`],
  ['Authorization: Bearer \u00ff\u0000'.replaceAll('\0', '')],
  [`X-Anything: ${LONG}`],
  Array.from({ length: 1500 }, (_, at) => `X-${at}: ${at}`),
  ['Prefer: return=minimal;;;', 'Prefer: respond-async, wait=-1'],
  ['X-HTTP-Method-Override: DELETE'],
  ['Content-Type: application/json', 'Content-Type: text/plain'],
]

const host = 'Host: localhost'

/** Requests that are not quite HTTP, as raw bytes. */
export const malformedRequests: Readonly<Record<string, string | Buffer>> = {
  'random bytes': Buffer.from([0x00, 0xff, 0x13, 0x37, 0x0d, 0x0a, 0x0d, 0x0a]),
  'a TLS hello': Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x0d, 0x0a, 0x0d, 0x0a]),
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'HTTP/0.9': 'GET /api/health\r\n\r\n',
  'HTTP/3.7': `GET /api/health HTTP/3.7\r\n${host}\r\n\r\n`,
  'a method that is none': `NONSENSE /api/health HTTP/1.1\r\n${host}\r\n\r\n`,
  'lower-case method': `get /api/health HTTP/1.1\r\n${host}\r\n\r\n`,
  'a header without a colon': `GET /api/health HTTP/1.1\r\n${host}\r\nnonsense\r\n\r\n`,
  'a header with NUL': `GET /api/health HTTP/1.1\r\n${host}\r\nX-A: a\0b\r\n\r\n`,
  'a space before the colon': `GET /api/health HTTP/1.1\r\n${host}\r\nX-A : b\r\n\r\n`,
  'a folded header': `GET /api/health HTTP/1.1\r\n${host}\r\nX-A: b\r\n c\r\n\r\n`,
  'a path with a space': `GET /api/he alth HTTP/1.1\r\n${host}\r\n\r\n`,
  'a path with raw bytes': Buffer.from(`GET /api/\xff\xfe HTTP/1.1\r\n${host}\r\n\r\n`, 'latin1'),
  'a path of 70,000 characters': `GET /api/${'a'.repeat(70_000)} HTTP/1.1\r\n${host}\r\n\r\n`,
  'an absolute target': `GET http://localhost/api/health HTTP/1.1\r\n${host}\r\n\r\n`,
  'a target without a slash': `GET api/health HTTP/1.1\r\n${host}\r\n\r\n`,
  'many slashes': `GET ////api////health HTTP/1.1\r\n${host}\r\n\r\n`,
  'dots in the path': `GET /api/../../etc/passwd HTTP/1.1\r\n${host}\r\n\r\n`,
  'a fragment in the target': `GET /api/health#x HTTP/1.1\r\n${host}\r\n\r\n`,
  'OPTIONS *': `OPTIONS * HTTP/1.1\r\n${host}\r\n\r\n`,
  TRACE: `TRACE /api/health HTTP/1.1\r\n${host}\r\n\r\n`,
  'a method of WebDAV': `PROPFIND /api/companies HTTP/1.1\r\n${host}\r\n\r\n`,
  'two lengths': `POST /api/companies HTTP/1.1\r\n${host}\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`,
  'a length and chunks': `POST /api/companies HTTP/1.1\r\n${host}\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a negative length': `POST /api/companies HTTP/1.1\r\n${host}\r\nContent-Length: -1\r\n\r\n`,
  'a length beyond 64 bits': `POST /api/companies HTTP/1.1\r\n${host}\r\nContent-Length: 99999999999999999999999\r\n\r\n`,
  'a length that is no number': `POST /api/companies HTTP/1.1\r\n${host}\r\nContent-Length: ten\r\n\r\n`,
  'chunks that are none': `POST /api/companies HTTP/1.1\r\n${host}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`,
  'a transfer encoding that is none': `POST /api/companies HTTP/1.1\r\n${host}\r\nTransfer-Encoding: nonsense\r\n\r\n`,
  'headers beyond all measure': `GET /api/health HTTP/1.1\r\n${host}\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`,
  'a body on GET': `GET /api/health HTTP/1.1\r\n${host}\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{{{`,
}
