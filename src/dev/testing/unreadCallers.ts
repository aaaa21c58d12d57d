// Callers that ask a server process for its largest answers and never read them, and what they cost it in memory.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { formWith } from './exampleRequests.ts'
import { sendRequest } from './rawRequest.ts'
import type { Request } from './rawRequest.ts'

const CALLERS = 50
const SAMPLE_MS = 50
/** Comments of 240 KB, whose letters have three bytes each. A page ends after four megabytes of them; all are 29 MB. */
const COMMENT = '漢'.repeat(80_000)
const COMMENTS = 120
const FILE_BYTES = 10_000_000

const MEGABYTE = 1_000_000

/** The resident memory of a process, in megabytes. Linux only. */
function residentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kilobytes) * 1024) / MEGABYTE
}

/** The memory of a server in megabytes: before, and at most while its answers are not read. */
export interface UnreadCost {
  readonly beforeMb: number
  readonly peakMb: number
}

async function create(url: string, path: string, body: unknown): Promise<Record<string, unknown>> {
  const reply = await sendRequest(url, { method: 'post', path, body } satisfies Request)
  if (reply.status !== 201) throw new Error(`POST ${path}: ${reply.status} ${reply.text.slice(0, 300)}`)
  return reply.body as Record<string, unknown>
}

/** Creates what is asked for. @returns the paths of the largest list, file, export and stream, and keys of agents */
async function arrange(url: string): Promise<{ readonly paths: readonly string[]; readonly keys: readonly string[] }> {
  const company = `/api/companies/${String((await create(url, '/api/companies', { name: 'Unread' }))['id'])}`
  const issue = `/issues/${String((await create(url, `${company}/issues`, { title: 'Large' }))['id'])}`
  for (let index = 0; index < COMMENTS; index += 1) await create(url, `/api${issue}/comments`, { body: COMMENT })
  const form = formWith(Buffer.alloc(FILE_BYTES, 'x'), 'text/plain', 'large.txt')
  const attachment = await create(url, `${company}${issue}/attachments`, form)
  const keys: string[] = []
  for (let index = 0; index < 8; index += 1) {
    const agent = await create(url, `${company}/agents`, { name: `Reader ${index}` })
    keys.push(String((await create(url, `/api/agents/${String(agent['id'])}/keys`, { name: 'unread' }))['token']))
  }
  const file = `/api/attachments/${String(attachment['id'])}/content`
  return { paths: [`/api${issue}/comments`, file, `${company}/events/stream?after=0`, `/api${issue}/comments?compact=1`], keys }
}

function openCaller(url: string, path: string, key: string | undefined): Socket {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => {})
  socket.pause()
  const credential = key === undefined ? '' : `Authorization: Bearer ${key}\r\n`
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${credential}\r\n`)
  return socket
}

/**
 * Lets 50 callers ask for the largest answers and read nothing; a caller whose connection is closed comes again.
 * @param durationMs how long they do it
 */
export async function measureUnread(server: { readonly url: string; readonly pid: number }, durationMs: number): Promise<UnreadCost> {
  const { paths, keys } = await arrange(server.url)
  // Half of the callers are people.
  const open = (index: number): Socket =>
    openCaller(server.url, paths[index % paths.length] as string, index % 2 === 0 ? undefined : keys[index % keys.length])
  // One of each kind is read first, so that what the server loads once is there before.
  for (const path of paths.filter((each) => !each.includes('stream'))) await sendRequest(server.url, { method: 'get', path })
  const beforeMb = residentMb(server.pid)
  let peakMb = beforeMb
  const sockets = Array.from({ length: CALLERS }, (_, index) => open(index))
  try {
    for (const endMs = performance.now() + durationMs; performance.now() < endMs; await sleep(SAMPLE_MS)) {
      peakMb = Math.max(peakMb, residentMb(server.pid))
      for (const [index, socket] of sockets.entries()) if (socket.destroyed) sockets[index] = open(index)
    }
  } finally {
    for (const socket of sockets) socket.destroy()
  }
  return { beforeMb, peakMb }
}
