import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { START, cursorOf, isAfter, parseCursor, sources } from '../../observe/events/position.ts'
import type { Position } from '../../observe/events/position.ts'
import type { SeededRandom } from '../testing/seededRandom.ts'
import { createParser } from './eventStream.ts'
import type { Message } from './eventStream.ts'
import { BOARD_TOKEN } from './servers.ts'
import type { Server } from './servers.ts'
import type { Findings } from './properties.ts'
import type { Postgres } from './postgres.ts'

const READER_COUNT = 6
/** A reader that receives nothing for this long connects to another server, because its server may be stopped. */
const SILENCE_TIMEOUT_MS = 5000
/** Each reader closes its connection after a random time in this range. */
const DISCONNECT_AFTER_MS = { min: 1500, max: 9000 }
const RECONNECT_MS = 100
/** Every server sends a committed event within a second. The limit allows for a busy machine. */
const CATCH_UP_TIMEOUT_MS = 20_000

/** A client that follows the company's events and changes servers. */
interface Reader {
  readonly companyId: string
  readonly name: string
  /** Position before the first event that the reader must receive; null until the first message reports it. */
  from: Position | null
  lastEventId: string | null
  readonly seen: string[]
  connections: number
  /** How often a server rejected the cursor and the reader started again. */
  resyncs: number
}

export interface Readers {
  /** Waits until every reader has received the last event, compares the received events with the tables, and stops the readers. */
  check(postgres: Postgres, findings: Findings): Promise<void>
}

interface ReadersContext {
  readonly servers: readonly Server[]
  readonly random: SeededRandom
  /** Aborted when the readers stop. */
  readonly stopping: AbortSignal
}

/** Starts readers of the events of each company. Half of them read from the first event, half from the present; all disconnect again and again. */
export function startReaders(servers: readonly Server[], companyIds: readonly string[], random: SeededRandom): Readers {
  const stopping = new AbortController()
  // Every connected reader adds a listener.
  setMaxListeners(0, stopping.signal)
  const context: ReadersContext = { servers, random, stopping: stopping.signal }
  const readers = Array.from({ length: READER_COUNT }, (_, index): Reader => ({
    name: `reader ${index + 1}`,
    companyId: companyIds[Math.floor(index / 2) % companyIds.length] ?? '',
    from: index % 2 === 0 ? START : null,
    lastEventId: null,
    seen: [],
    connections: 0,
    resyncs: 0,
  }))
  const following = Promise.all(readers.map((reader) => followUntilStopped(context, reader)))
  return {
    async check(postgres, findings) {
      const committed = await waitUntilCaughtUp(readers, postgres)
      stopping.abort()
      await following
      for (const reader of readers) checkSequence(reader, committed.get(reader.companyId) ?? [], findings)
      const resyncs = readers.reduce((sum, { resyncs: count }) => sum + count, 0)
      const connections = readers.reduce((sum, { connections: count }) => sum + count, 0)
      findings.reportCoverage(
        'readers',
        `${readers.length} readers, ${connections} connections, ${readers.map(({ seen }) => seen.length).join(' + ')} events${resyncs === 0 ? '' : `, ${resyncs} resyncs`}`,
      )
    },
  }
}

async function followUntilStopped(context: ReadersContext, reader: Reader): Promise<void> {
  while (!context.stopping.aborted) {
    await followOnce(context, reader)
    await sleep(RECONNECT_MS)
  }
}

/** Connects to a random server and receives events until either side closes the connection. */
async function followOnce({ servers, random, stopping }: ReadersContext, reader: Reader): Promise<void> {
  const server = random.pick(servers)
  if (server.state() !== 'up') return
  const disconnect = new AbortController()
  const after = reader.from !== null && cursorOf(reader.from) === cursorOf(START) ? '?after=0' : ''
  const disconnectTimer = setTimeout(
    () => disconnect.abort(),
    DISCONNECT_AFTER_MS.min + random.next() * (DISCONNECT_AFTER_MS.max - DISCONNECT_AFTER_MS.min),
  )
  let silenceTimer = setTimeout(() => disconnect.abort(), SILENCE_TIMEOUT_MS)
  try {
    const response = await fetch(`${server.url}/api/companies/${reader.companyId}/events/stream${after}`, {
      headers: { authorization: `Bearer ${BOARD_TOKEN}`, ...(reader.lastEventId === null ? {} : { 'last-event-id': reader.lastEventId }) },
      signal: AbortSignal.any([disconnect.signal, stopping]),
    })
    if (response.status !== 200 || response.body === null) return
    reader.connections += 1
    const parse = createParser((message) => receiveMessage(reader, message))
    const decoder = new TextDecoder()
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      clearTimeout(silenceTimer)
      silenceTimer = setTimeout(() => disconnect.abort(), SILENCE_TIMEOUT_MS)
      parse(decoder.decode(chunk, { stream: true }))
    }
  } catch {
    // The reader or the server closed the connection. The reader connects again.
  } finally {
    clearTimeout(disconnectTimer)
    clearTimeout(silenceTimer)
  }
}

function receiveMessage(reader: Reader, { id, data }: Message): void {
  if (id !== null) reader.lastEventId = id
  if (data === null) {
    // The first message to a reader that starts at the present carries the position of the present.
    if (id !== null) reader.from ??= parseCursor(id)
    return
  }
  if ((JSON.parse(data) as { type: string }).type === 'resync') {
    reader.resyncs += 1
    reader.seen.length = 0
    reader.from = parseCursor(id ?? '0')
  } else reader.seen.push(id ?? '')
}

/** @returns the committed positions at the last look, which is over the time limit or finds every reader up to date */
async function waitUntilCaughtUp(readers: readonly Reader[], postgres: Postgres): Promise<Map<string, Position[]>> {
  const deadline = performance.now() + CATCH_UP_TIMEOUT_MS
  const look = async (): Promise<Map<string, Position[]>> => {
    const committed = new Map<string, Position[]>()
    for (const id of new Set(readers.map(({ companyId }) => companyId))) committed.set(id, await readCommittedPositions(postgres, id))
    return committed
  }
  let committed = await look()
  while (!readers.every((reader) => isUpToDate(reader, committed.get(reader.companyId) ?? [])) && performance.now() < deadline) {
    await sleep(RECONNECT_MS)
    committed = await look()
  }
  return committed
}

interface PositionRow {
  readonly txid: string
  readonly source: number
  readonly number: number
}

/** The positions of the company's events, in order, from the tables. */
async function readCommittedPositions(postgres: Postgres, companyId: string): Promise<Position[]> {
  const rows = await postgres.queryWithRetry<PositionRow>(
    `select txid::text, ${sources.activity} as source, seq as number from activity_log where company_id = $1
     union all select txid::text, ${sources.runEvent}, id from heartbeat_run_events where company_id = $1`,
    [companyId],
  )
  return rows
    .map(({ txid, source, number }): Position => ({ txid: BigInt(txid), source, number }))
    .toSorted((one, other) => (isAfter(one, other) ? 1 : -1))
}

const isUpToDate = ({ seen }: Reader, committed: readonly Position[]): boolean => {
  const last = committed.at(-1)
  return last === undefined || seen.at(-1) === cursorOf(last)
}

/** Reports the first event that a reader missed, received twice, or received out of order. */
function checkSequence({ name, from, seen }: Reader, committed: readonly Position[], findings: Findings): void {
  const expected = committed.filter((eventPosition) => from !== null && isAfter(eventPosition, from)).map(cursorOf)
  const at = expected.findIndex((id, index) => seen[index] !== id)
  if (at < 0 && seen.length === expected.length) return
  const position = at < 0 ? expected.length : at
  const actual = seen[position]
  const problem =
    actual === undefined
      ? 'did not receive the event'
      : seen.indexOf(actual) < position
        ? 'received an earlier event twice'
        : expected.includes(actual)
          ? 'received a later event first'
          : 'received an event that is not in the tables'
  findings.reportViolation(
    'readers',
    `${name} received ${seen.length} of ${expected.length} events; at event ${position + 1} it ${problem}`,
  )
}
