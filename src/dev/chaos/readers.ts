import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { START, cursorOf, isAfter, parseCursor, sources } from '../../observe/events/position.ts'
import type { Position } from '../../observe/events/position.ts'
import type { SeededRandom } from '../testing/seededRandom.ts'
import type { Server } from './servers.ts'
import type { Findings } from './properties.ts'
import type { Postgres } from './postgres.ts'

const READER_COUNT = 6
/** A reader that hears nothing for this long goes elsewhere: its server may be stopped. */
const SILENCE_TIMEOUT_MS = 5000
/** A connection is cut on purpose after a time between these. */
const DISCONNECT_AFTER_MS = { min: 1500, max: 9000 }
const RECONNECT_MS = 100
/** What is committed is told within a second by every server; this is patience with a busy machine. */
const CATCH_UP_TIMEOUT_MS = 20_000

/** Somebody who follows the company's events, from server to server. */
interface Reader {
  readonly name: string
  /** Where it began, once it is known. */
  from: Position | null
  readonly seen: string[]
  connections: number
  /** It was told that its cursor is of no use, and began afresh. */
  resyncs: number
}

export interface Readers {
  readonly all: readonly Reader[]
  /** Waits until every reader has seen the last event, compares what each has seen with what there is, and ends them. */
  check(postgres: Postgres, findings: Findings): Promise<void>
  stop(): Promise<void>
}

/** One message of an event stream, once its empty line has come. */
interface Message {
  readonly id: string | null
  readonly data: string | null
}

/** Cuts a stream of text into messages (HTML, "event stream interpretation"). */
function createParser(onMessage: (message: Message) => void): (text: string) => void {
  let incompleteLine = ''
  let id: string | null = null
  let data: string[] = []
  return (text) => {
    const lines = `${incompleteLine}${text}`.split('\n')
    incompleteLine = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('id: ')) id = line.slice(4)
      else if (line.startsWith('data: ')) data.push(line.slice(6))
      else if (line === '') {
        onMessage({ id, data: data.length === 0 ? null : data.join('\n') })
        data = []
      }
    }
  }
}

/** Starts readers that begin at the beginning or in the present, and are cut again and again. */
export function startReaders(servers: readonly Server[], companyId: string, random: SeededRandom): Readers {
  const stopping = new AbortController()
  // Everybody who waits listens.
  setMaxListeners(0, stopping.signal)

  const follow = async (reader: Reader, lastEventId: { value: string | null }): Promise<void> => {
    const server = random.pick(servers)
    if (server.state() !== 'up') return
    const disconnect = new AbortController()
    const signal = AbortSignal.any([disconnect.signal, stopping.signal])
    const after = reader.from !== null && cursorOf(reader.from) === cursorOf(START) ? '?after=0' : ''
    const disconnectTimer = setTimeout(
      () => disconnect.abort(),
      DISCONNECT_AFTER_MS.min + random.next() * (DISCONNECT_AFTER_MS.max - DISCONNECT_AFTER_MS.min),
    )
    let silenceTimer = setTimeout(() => disconnect.abort(), SILENCE_TIMEOUT_MS)
    const onMessage = ({ id, data }: Message): void => {
      if (id !== null) lastEventId.value = id
      if (data === null) {
        // Its first words, to somebody who asked for the present, say where the present is.
        if (id !== null) reader.from ??= parseCursor(id)
        return
      }
      if ((JSON.parse(data) as { type: string }).type === 'resync') {
        reader.resyncs += 1
        reader.seen.length = 0
        reader.from = parseCursor(id ?? '0')
      } else reader.seen.push(id ?? '')
    }
    try {
      const response = await fetch(`${server.url}/api/companies/${companyId}/events/stream${after}`, {
        headers: lastEventId.value === null ? {} : { 'last-event-id': lastEventId.value },
        signal,
      })
      if (response.status !== 200 || response.body === null) return
      reader.connections += 1
      const parse = createParser(onMessage)
      const decoder = new TextDecoder()
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(silenceTimer)
        silenceTimer = setTimeout(() => disconnect.abort(), SILENCE_TIMEOUT_MS)
        parse(decoder.decode(chunk, { stream: true }))
      }
    } catch {
      // Cut, by us or by them; it comes back.
    } finally {
      clearTimeout(disconnectTimer)
      clearTimeout(silenceTimer)
    }
  }

  const followUntilStopped = async (reader: Reader): Promise<void> => {
    const lastEventId = { value: null as string | null }
    while (!stopping.signal.aborted) {
      await follow(reader, lastEventId)
      await sleep(RECONNECT_MS)
    }
  }

  const all = Array.from({ length: READER_COUNT }, (_, index): Reader => ({
    name: `reader ${index + 1}`,
    // Every other one wants everything there is.
    from: index % 2 === 0 ? START : null,
    seen: [],
    connections: 0,
    resyncs: 0,
  }))
  const following = Promise.all(all.map(followUntilStopped))
  const stop = async (): Promise<void> => {
    stopping.abort()
    await following
  }
  return {
    all,
    stop,
    async check(postgres, findings) {
      const deadline = performance.now() + CATCH_UP_TIMEOUT_MS
      let committed = await readCommittedPositions(postgres, companyId)
      while (!all.every((reader) => isUpToDate(reader, committed)) && performance.now() < deadline) {
        await sleep(RECONNECT_MS)
        committed = await readCommittedPositions(postgres, companyId)
      }
      await stop()
      for (const reader of all) checkSequence(reader, committed, findings)
      const resyncs = all.reduce((sum, { resyncs: count }) => sum + count, 0)
      const connections = all.reduce((sum, { connections: count }) => sum + count, 0)
      findings.reportCoverage(
        'readers',
        `${all.length} readers, ${connections} connections, ${all.map(({ seen }) => seen.length).join(' + ')} events${resyncs === 0 ? '' : `, ${resyncs} resyncs`}`,
      )
    },
  }
}

interface PositionRow {
  readonly txid: string
  readonly source: number
  readonly number: number
}

/** The company's events in their order, as the tables have them. */
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

/** Names the first event that a reader has missed, seen twice, or seen out of order. */
function checkSequence({ name, from, seen }: Reader, committed: readonly Position[], findings: Findings): void {
  const expected = committed.filter((eventPosition) => from !== null && isAfter(eventPosition, from)).map(cursorOf)
  const at = expected.findIndex((id, index) => seen[index] !== id)
  if (at < 0 && seen.length === expected.length) return
  const position = at < 0 ? expected.length : at
  const actual = seen[position]
  const problem =
    actual === undefined
      ? 'was not told of it'
      : seen.indexOf(actual) < position
        ? 'saw an earlier one twice'
        : expected.includes(actual)
          ? 'was told of a later one first'
          : 'was told of one that is not there'
  findings.reportViolation('readers', `${name} saw ${seen.length} of ${expected.length}; at event ${position + 1} it ${problem}`)
}
