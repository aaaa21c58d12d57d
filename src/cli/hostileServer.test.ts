// Servers that answer what no server of this release would: texts that act on a terminal, and nonsense.

import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runCommandLine } from '../dev/testing/commandLine.ts'
import type { Ended } from '../dev/testing/commandLine.ts'
import { TEST_BOARD_TOKEN, useServer, world } from '../dev/testing/world.ts'
import { commands } from './commands.ts'

const server = useServer({ boardMode: 'token', people: {} })

/** A text that sets the title of a terminal, turns its direction, hides a word, and begins a line of its own. */
const HOSTILE = 'x\u001B]0;title\u0007\u001B[31m\u009B2J\u202Eevil\u200B\u{E0041}\nFORGED line\r\nFORGED again'
// oxlint-disable-next-line no-control-regex
const ACTS = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u00AD\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]|[\u{E0000}-\u{E007F}]/u
const FORGED = /^FORGED/m

async function listen(listening: Server): Promise<string> {
  await new Promise<void>((resolve) => void listening.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void listening.close())
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
}

const httpServer = async (listener: RequestListener): Promise<string> => {
  const listening = createServer(listener)
  onTestFinished(() => listening.closeAllConnections())
  return await listen(listening)
}

const isFixed = (text: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text) || /^\d{4}-\d\d-\d\dT/.test(text) || /^[a-z_]{1,40}$/.test(text)

/** A value in which every text that a person may have written is hostile. */
function poisoned(value: unknown): unknown {
  if (typeof value === 'string') return isFixed(value) ? value : `${value}${HOSTILE}`
  if (Array.isArray(value)) return value.map(poisoned)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, poisoned(item)]))
}

/** A server that answers as the server of this file, with hostile texts. */
const poisonedServer = async (): Promise<string> =>
  await httpServer((request: IncomingMessage, response: ServerResponse) => {
    const forward = async (): Promise<void> => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const answer = await fetch(`${server().url}${request.url ?? ''}`, {
        method: request.method ?? 'GET',
        headers: { authorization: `Bearer ${TEST_BOARD_TOKEN}`, 'content-type': 'application/json' },
        ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
      })
      const text = await answer.text()
      const lines = answer.headers.get('content-type')?.includes('ndjson') === true
      const body = lines
        ? text.replaceAll(/("actorId":")/g, '$1\u009B31m\u202E')
        : JSON.stringify(poisoned(text === '' ? null : JSON.parse(text)))
      response.writeHead(answer.status, { 'content-type': 'application/json', 'x-request-id': 'x' })
      response.end(answer.status === 204 ? undefined : body)
    }
    forward().catch((error: unknown) => void response.destroy(error as Error))
  })

describe('A server whose texts are hostile', () => {
  test('Nothing of what they hold acts on a terminal or begins a line, in text and in JSON', { timeout: 30_000 }, async () => {
    const here = await world(server())
    const { issue, run, agent } = await here.held()
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'A remark' })
    const hire = await server().board.post(`/api/companies/${here.company.id}/agent-hires`, { name: 'Scribe' })
    const approval: string = hire.body.approval.id
    await server().board.post(`/api/agents/${agent.id}/keys`, { name: 'laptop' })
    const of = ['--company', here.company.id]
    const lines: readonly (readonly string[])[] = [
      ['status'],
      ['locks', 'ls', ...of],
      ['locks', 'show', issue.id],
      ['locks', 'release', issue.id, '--reason', 'x', '--dry-run'],
      ['runs', 'ls', ...of],
      ['runs', 'show', run.id],
      ['agents', 'ls', ...of],
      ['agents', 'show', agent.id],
      ['agents', 'resume', agent.id],
      ['agents', 'show', 'no-such-agent', ...of],
      ['issues', 'ls', ...of],
      ['issues', 'show', issue.id],
      ['issues', 'create', ...of, '--title', 'Another'],
      ['issues', 'show', 'NOPE-1'],
      ['approvals', 'ls', ...of],
      ['approvals', 'show', approval],
      ['approvals', 'approve', approval],
      ['activity', 'tail', ...of],
      ['activity', 'verify', ...of],
      ['activity', 'export', ...of],
      ['token', 'where'],
      ['token', 'ls', agent.id],
      ['token', 'create', agent.id],
      ['secrets', 'ls', ...of],
      ['demo'],
    ]
    const url = await poisonedServer()
    const bad: string[] = []
    let marked = 0
    for (const line of lines)
      for (const more of [[], ['--json']]) {
        const { out, err } = await runCommandLine([...line, ...more, '--url', url], { stdin: 'a value' })
        const name = [...line.slice(0, 2), ...more].join(' ')
        for (const text of [out, err]) if (ACTS.test(text) || FORGED.test(text)) bad.push(`${name}: ${JSON.stringify(text.slice(0, 400))}`)
        if (`${out}${err}`.includes('\u{FFFD}')) marked += 1
      }
    expect(bad).toEqual([])
    // The texts did arrive: otherwise nothing was shown.
    expect(marked).toBeGreaterThan(12)
  })
})

/** The words of the first example of every command that speaks to a server. */
const requests = commands
  .filter(({ database, offline, name }) => database !== true && offline !== true && name !== 'demo')
  .map(({ example, options }): readonly [string, readonly string[]] => {
    const [first = ''] = [example].flat()
    const words = /paperclip-server ((?:"[^"]*"|[^|<>])*)/.exec(first)?.[1]?.match(/"[^"]*"|\S+/g) ?? []
    const yes = 'yes' in options.shape && !first.includes('--yes') ? ['--yes'] : []
    return [first, [...words.map((word) => word.replaceAll('"', '')), ...yes]]
  })

const answering =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)

const ours = { 'x-request-id': 'x' }

const programs: Readonly<Record<string, () => Promise<string>>> = {
  'a page of another program': async () => await httpServer(answering(200, '<html>', { 'content-type': 'text/html' })),
  'an empty object of another program': async () => await httpServer(answering(200, '{}')),
  'a null': async () => await httpServer(answering(200, 'null', ours)),
  'an empty object': async () => await httpServer(answering(200, '{}', ours)),
  'a list of numbers': async () => await httpServer(answering(200, '[1]', ours)),
  'an error without a form': async () => await httpServer(answering(500, 'oops', ours)),
  'a redirection': async () => await httpServer(answering(302, '', { location: 'http://127.0.0.1:9/' })),
  'a cut body': async () =>
    await httpServer((_, response) => {
      response.writeHead(200, { ...ours, 'content-length': '100' })
      response.write('{"a":', () => response.destroy())
    }),
  'no HTTP': async () => await listen(createTcpServer((socket) => void socket.on('error', () => {}).end('SSH-2.0-x\r\n'))),
  'a hang-up': async () => await listen(createTcpServer((socket) => void socket.on('error', () => {}).destroy())),
}

describe('A program that is not this server', () => {
  test.each(Object.keys(programs))(
    'Every command ends with a sentence and no stack when it meets %s',
    { timeout: 30_000 },
    async (name) => {
      const url = await (programs[name] as () => Promise<string>)()
      const unexpected: (Ended & { readonly line: string })[] = []
      for (const [line, words] of requests) {
        const ended = await runCommandLine([...words, '--url', url], { stdin: 'a value', env: { PAPERCLIP_TOKEN: 'pcp_local_x' } })
        if (![2, 3, 4].includes(ended.exit) || ended.err === '' || /\n\s+at /.test(ended.err)) unexpected.push({ line, ...ended })
      }
      // JSON with the headers of this server is believed where a command reads nothing of it.
      const isBelieved = name === 'an empty object' || name === 'a list of numbers'
      expect(isBelieved ? unexpected.filter(({ exit }) => ![0, 1].includes(exit)) : unexpected).toEqual([])
    },
  )

  test('A list without an end is not followed to the last row that was asked for', async () => {
    let requested = 0
    const url = await httpServer((request, response) => {
      requested += 1
      answering(200, '[{"id":"x","name":"x","issuePrefix":"X","status":"active"}]', { ...ours, link: '</api/x?after=1>; rel="next"' })(
        request,
        response,
      )
    })
    const { exit, err } = await runCommandLine(['locks', 'ls', '--company', 'ACME', '--url', url])
    expect(exit).toBe(3)
    expect(err).toContain('is not this server')
    expect(requested).toBeLessThanOrEqual(250)
  })

  test('A redirection, a text that is no HTTP and a page are distinguished', async () => {
    const err = async (name: string): Promise<string> =>
      (await runCommandLine(['locks', 'ls', '--url', await (programs[name] as () => Promise<string>)()])).err
    expect(await err('a redirection')).toContain('sends requests elsewhere')
    expect(await err('no HTTP')).toContain('does not speak HTTP')
    expect(await err('a page of another program')).toContain('is not this server')
    expect(await err('a cut body')).toContain('was cut in the middle of an answer')
  })
})

test('A token that no header can carry is refused without being shown', async () => {
  const { exit, err } = await runCommandLine(['status', '--url', 'http://127.0.0.1:1'], { env: { PAPERCLIP_TOKEN: 'secret\nvalue' } })
  expect(exit).toBe(2)
  expect(err).toContain('characters that no token has')
  expect(err).not.toContain('value')
})

test('A terminal of twenty columns shows tables and fields', async () => {
  const here = await world(server())
  const { issue } = await here.held()
  const env = { PAPERCLIP_URL: server().url, PAPERCLIP_TOKEN: TEST_BOARD_TOKEN, NO_COLOR: '1' }
  const list = await runCommandLine(['locks', 'ls', '--company', here.company.id], { env, columns: 20 })
  expect(list).toMatchObject({ exit: 0, out: expect.stringContaining('ISSUE') as string })
  expect((await runCommandLine(['issues', 'show', issue.id], { env, columns: 20 })).exit).toBe(0)
})

test('A device without an end is not read as a text', async () => {
  const env = { PAPERCLIP_URL: server().url, PAPERCLIP_TOKEN: TEST_BOARD_TOKEN }
  const endless = await runCommandLine(['issues', 'comment', 'ACME-1', '--body-file', '/dev/zero'], { env })
  expect(endless).toMatchObject({ exit: 2, err: expect.stringContaining('has more than 262144 bytes') as string })
})
