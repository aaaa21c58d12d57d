import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { fileCounts, upload } from '../dev/testing/files.ts'
import { sendRawBytes } from '../dev/testing/rawHttp.ts'
import { PIXEL } from '../dev/testing/exampleRequests.ts'
import { auditCount, useServer, world } from '../dev/testing/world.ts'
import type { Client, World } from '../dev/testing/world.ts'
import { onThisMachine } from '../dev/testing/slowness.ts'

const server = useServer()
let acme: World
let path: string

beforeAll(async () => {
  acme = await world(server())
  path = `/api/companies/${acme.company.id}/logo`
})

const MB = 1024 * 1024
const LIMIT = 10 * MB
const BOUNDARY = 'between'
const formHead = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`
const part = (head: string, content: string | Buffer): Buffer =>
  Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n${head}\r\n\r\n`), Buffer.from(content), Buffer.from('\r\n')])
const gif = (content: Buffer = PIXEL, name = 'a.gif'): Buffer =>
  part(`Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: image/gif`, content)
const END = Buffer.from(`--${BOUNDARY}--\r\n`)

interface Raw {
  readonly head?: string
  readonly close?: boolean
  readonly chunked?: boolean
  readonly length?: number
}

const asBytes = (body: Buffer, { head = formHead, close = true, chunked = false, length = body.length }: Raw = {}): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${head}\r\n${chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n` +
        `${close ? 'Connection: close\r\n' : ''}\r\n`,
    ),
    chunked ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]) : body,
  ])

const post = (body: Buffer, raw: Raw = {}) => sendRawBytes(server().url, asBytes(body, raw))

/** An upload that stalls from the beginning of this file on: what ends it takes ten seconds, and the tests before go on meanwhile. */
let stalled: Promise<{ readonly answer: string; readonly ms: number }>
beforeAll(() => {
  const { hostname, port } = new URL(server().url)
  const socket = connect({ host: hostname, port: Number(port) })
  const beganAt = performance.now()
  socket.write(asBytes(gif(), { length: 100_000, close: false, head: formHead }))
  stalled = readAll(socket).then((answer) => ({ answer, ms: performance.now() - beganAt }))
})

describe('readForm', () => {
  test('A form is read with other parts around the file, and in pieces of any size', async () => {
    const around = Buffer.concat([
      Buffer.from('words before the first part\r\n'),
      part('Content-Disposition: form-data; name="other"', 'a field that the route does not know'),
      gif(),
      END,
      Buffer.from('words behind the last'),
    ])
    for (const raw of [{}, { chunked: true }, { head: `Content-Type: multipart/form-data; charset=utf-8; boundary="${BOUNDARY}"` }]) {
      const answer = await post(around, raw)
      expect(answer, answer.text).toMatchObject({ status: 201, body: { byteSize: PIXEL.length, originalFilename: 'a.gif' } })
    }
    const slow = connect({ host: '127.0.0.1', port: Number(new URL(server().url).port) })
    const bytes = asBytes(Buffer.concat([gif(), END]))
    for (const byte of bytes)
      await new Promise<void>((resolve, reject) => slow.write(Buffer.of(byte), (error) => (error ? reject(error) : resolve())))
    expect(await readAll(slow)).toMatch(/^HTTP\/1\.1 201 /)
  })

  test('File names in other alphabets arrive unchanged, `filename*` goes before `filename` (K17), and a part named file is the file even without a file name', async () => {
    expect(await post(Buffer.concat([gif(PIXEL, 'Grüße 🙂.gif'), END]))).toMatchObject({ body: { originalFilename: 'Grüße 🙂.gif' } })
    const extended = part(
      `Content-Disposition: form-data; name="file"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.gif\r\nContent-Type: image/gif`,
      PIXEL,
    )
    expect(await post(Buffer.concat([extended, END]))).toMatchObject({ body: { originalFilename: 'Grüße.gif' } })
    const both: readonly [string, string][] = [
      [`filename="Gr__e.gif"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.gif`, 'Grüße.gif'],
      [`filename*=UTF-8''Gr%C3%BC%C3%9Fe.gif; filename="Gr__e.gif"`, 'Grüße.gif'],
      [`filename="x.gif"; filename*=iso-8859-1'de'Gr%FC%DFe.gif`, 'Grüße.gif'],
      [`filename="x.gif"; filename*=UTF-8''%zz`, 'x.gif'],
      [`filename="x.gif"; filename*=words`, 'x.gif'],
      [`filename="a; filename*=UTF-8''b.gif"`, "a; filename*=UTF-8''b.gif"],
    ]
    for (const [names, name] of both) {
      const form = part(`Content-Disposition: form-data; name="file"; ${names}\r\nContent-Type: image/gif`, PIXEL)
      const before = part('Content-Disposition: form-data; name="other"', `filename*=UTF-8''no`)
      expect(await post(Buffer.concat([before, form, END])), names).toMatchObject({ body: { originalFilename: name } })
    }
    const nameless = part('Content-Disposition: form-data; name="file"\r\nContent-Type: image/gif', PIXEL)
    expect(await post(Buffer.concat([nameless, END]))).toMatchObject({ body: { byteSize: PIXEL.length, originalFilename: null } })
  })

  test('A form that is incomplete or has too many parts is refused with the reason and stores nothing', async () => {
    const before = [await auditCount(server()), await fileCounts(server())]
    const field = (name: string, value = 'x') => part(`Content-Disposition: form-data; name="${name}"`, value)
    const wrong: readonly [Buffer, string, Raw?][] = [
      [gif(), 'The form ends early or is not multipart/form-data'],
      [gif().subarray(0, -10), 'The form ends early or is not multipart/form-data'],
      [Buffer.concat([gif(), END]), 'multipart/form-data without a boundary', { head: 'Content-Type: multipart/form-data' }],
      [Buffer.concat([gif(), gif(), END]), 'One file at a time'],
      [Buffer.concat([field('a'), field('a'), gif(), END]), 'A field is given twice'],
      [Buffer.concat([field('a', 'x'.repeat(5000)), gif(), END]), 'A field is too long'],
      [Buffer.concat([...Array.from({ length: 9 }, (_, at) => field(`a${at}`)), gif(), END]), 'Too many fields'],
      [Buffer.concat([field('a'), END]), "Missing file field 'file'"],
      [END, "Missing file field 'file'"],
    ]
    for (const [body, error, raw] of wrong)
      expect(await post(body, raw), error).toMatchObject({ status: 400, body: { code: 'malformed_form', error } })
    // When this form arrives in pieces, the parser emits neither `finish` nor `error`.
    const endless = Buffer.concat([END, Buffer.from(`--${BOUNDARY}\r\n`)])
    // In one piece it is a form without a file.
    const answer = await post(endless)
    expect(answer).toMatchObject({ status: 400, body: { code: 'malformed_form' } })
    expect(['The form ends early or is not multipart/form-data', "Missing file field 'file'"]).toContain(answer.body.error)
    expect(await post(Buffer.concat([gif(Buffer.alloc(0)), END]))).toMatchObject({ status: 422, body: { code: 'file_empty' } })
    for (const head of [
      'Content-Type: application/json',
      `Content-Type: multipart/mixed; boundary=${BOUNDARY}`,
      `${formHead}\r\nContent-Encoding: gzip`,
    ])
      expect(await post(Buffer.concat([gif(), END]), { head })).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } })
    expect([await auditCount(server()), await fileCounts(server())]).toEqual(before)
  })

  test('A form that is longer than the limit is answered with 413, whatever it consists of, and the connection is closed', async () => {
    const words = Buffer.alloc(LIMIT + MB, 'x')
    for (const chunked of [false, true]) {
      const answer = await post(words, { chunked, close: false })
      expect(answer, answer.text).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
      expect(answer.head).toMatch(/connection: close/i)
    }
  })

  test('A form that does not end is read up to a limit after its refusal, and then the connection is closed', async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(server().url).port) })
    socket.on('error', () => {})
    socket.write(asBytes(gif(Buffer.alloc(LIMIT + 1)), { length: 1024 * MB, close: false }))
    const answer = readAll(socket)
    const more = Buffer.alloc(MB, 'x')
    let sent = 0
    const pump = (): void => {
      while (!socket.destroyed && sent < 1024 * MB) {
        sent += more.length
        if (!socket.write(more)) return void socket.once('drain', pump)
      }
    }
    pump()
    // A client that continues to send may lose the answer together with the connection.
    expect(await answer).toMatch(/^$|^HTTP\/1\.1 422 [\s\S]*file_too_large/)
    expect(sent).toBeGreaterThan(30 * MB)
    expect(sent).toBeLessThan(200 * MB)
  })

  test('A form whose client disconnects halfway stores nothing and releases its upload slot', async () => {
    const before = [await auditCount(server()), await fileCounts(server())]
    const incomplete = Array.from({ length: 20 }, () => sendRawBytes(server().url, asBytes(gif(), { length: 100_000 }), { end: true }))
    for (const { status } of await Promise.all(incomplete)) expect([0, 400, 503]).toContain(status)
    expect([await auditCount(server()), await fileCounts(server())]).toEqual(before)
    expect((await upload(server(), server().board, path, { type: 'image/gif' })).status).toBe(201)
  })
})

describe('acquireUploadSlot and the checks before a body is read', () => {
  test('A request with an unusable credential is refused before its body is read', async () => {
    const head = (token: string) => `${formHead}\r\nAuthorization: Bearer ${token}`
    // Only the head is sent: an answer before the body shows that the server did not wait for the body.
    const refused = await sendRawBytes(server().url, asBytes(Buffer.alloc(0), { head: head('nonsense'), length: LIMIT }))
    expect(refused).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
  })

  test('A form from a page of another origin is refused, although a browser sends forms across origins without a preflight', async () => {
    const before = [await auditCount(server()), await fileCounts(server())]
    const foreign = await post(Buffer.concat([gif(), END]), { head: `${formHead}\r\nOrigin: https://evil.invalid` })
    expect(foreign).toMatchObject({ status: 403, body: { code: 'origin_not_allowed' } })
    expect([await auditCount(server()), await fileCounts(server())]).toEqual(before)
  })

  test('An upload that sends nothing for ten seconds is refused, and its connection is closed', { timeout: 180_000 }, async () => {
    const { answer, ms } = await stalled
    expect([answer.slice(0, 12), answer.includes('upload_stalled')]).toEqual(['HTTP/1.1 408', true])
    expect(ms).toBeLessThan(onThisMachine(20_000))
  })

  test('Four uploads of an agent, twelve of all agents and sixteen in all run at once; the next is refused with Retry-After until a slot is free', async () => {
    const { port } = new URL(server().url)
    const agents = await Promise.all([1, 2, 3, 4].map(() => acme.agent()))
    const refused = new Set<Socket>()
    const openUpload = async (sender: Client): Promise<Socket> => {
      const socket = connect({ host: '127.0.0.1', port: Number(port) })
      socket.on('error', () => {})
      socket.on('data', (answer) => answer.includes(' 503 ') && refused.add(socket))
      const continued = once(socket, 'data')
      const bearer = sender.headers['authorization'] === undefined ? '' : `\r\nAuthorization: ${sender.headers['authorization']}`
      // The server answers 100 Continue and then waits for a body.
      socket.write(asBytes(gif(), { length: 100_000, close: false, head: `${formHead}\r\nExpect: 100-continue${bearer}` }))
      await continued
      // An upload that receives nothing for ten seconds would be refused while the test goes on.
      const trickle = setInterval(() => socket.write('.'), 1000)
      socket.once('close', () => clearInterval(trickle))
      return socket
    }
    const send = async (sender: Client): Promise<number> => (await upload(server(), sender, path, { type: 'image/gif' })).status
    const waiting: Socket[] = []
    /** Opens four uploads. One that comes to its slot later than the whole one beside it is refused, and another is opened. */
    const fill = async (sender: Client): Promise<void> => {
      const own: Socket[] = []
      const attempt = async (): Promise<number> => {
        while (own.filter((socket) => !refused.has(socket)).length < 4) own.push(await openUpload(sender))
        return await send(sender)
      }
      await expect.poll(attempt).toBe(503)
      waiting.push(...own)
    }
    for (const { client } of agents.slice(0, 3)) await fill(client)
    const fourth = agents[3]?.client ?? server().board
    expect(await send(fourth)).toBe(503)
    // Agents with stalled uploads leave four places to people.
    expect(await send(server().board)).toBe(201)
    await fill(server().board)
    const busy = await upload(server(), server().board, path, { type: 'image/gif' })
    expect(busy).toMatchObject({ status: 503, body: { code: 'busy' } })
    expect(busy.headers.get('retry-after')).toBe('1')
    for (const socket of waiting) socket.destroy()
    for (const sender of [server().board, fourth]) await expect.poll(() => send(sender)).toBe(201)
  })
})

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  return await new Promise<string>((resolve) => {
    const finish = (): void => {
      socket.destroy()
      resolve(Buffer.concat(chunks).toString('utf8'))
    }
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.once('close', finish)
    socket.once('end', finish)
  })
}
