import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { beginning, cursorOf, isAfter, placeOf, sources } from '../realtime/place.ts'
import type { Place } from '../realtime/place.ts'
import type { Dice } from '../testing/dice.ts'
import type { Server } from './fleet.ts'
import type { Findings } from './laws.ts'
import type { Postgres } from './postgres.ts'

const READERS = 6
/** A reader that hears nothing for this long goes elsewhere: its server may be stopped. */
const SILENCE_MS = 5000
/** A connection is cut on purpose after a time between these. */
const CUT_AFTER_MS = { least: 1500, most: 9000 }
const COME_BACK_MS = 100
/** What is committed is told within a second by every server; this is patience with a busy machine. */
const CATCH_UP_MS = 20_000

/** Somebody who follows the company's events, from server to server. */
interface Reader {
  readonly name: string
  /** Where it began, once it is known. */
  from: Place | null
  readonly seen: string[]
  connections: number
  /** It was told that its cursor is of no use, and began afresh. */
  resyncs: number
}

export interface Readers {
  readonly all: readonly Reader[]
  /** Waits until every reader has seen the last event, compares what each has seen with what there is, and ends them. */
  judge(postgres: Postgres, findings: Findings): Promise<void>
  stop(): Promise<void>
}

/** One message of an event stream, once its empty line has come. */
interface Message {
  readonly id: string | null
  readonly data: string | null
}

/** Cuts a stream of text into messages (HTML, "event stream interpretation"). */
function createParser(take: (message: Message) => void): (text: string) => void {
  let rest = ''
  let id: string | null = null
  let data: string[] = []
  return (text) => {
    const lines = `${rest}${text}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('id: ')) id = line.slice(4)
      else if (line.startsWith('data: ')) data.push(line.slice(6))
      else if (line === '') {
        take({ id, data: data.length === 0 ? null : data.join('\n') })
        data = []
      }
    }
  }
}

/** Starts readers that begin at the beginning or in the present, and are cut again and again. */
export function startReaders(servers: readonly Server[], companyId: string, chance: Dice): Readers {
  const stopping = new AbortController()
  // Everybody who waits listens.
  setMaxListeners(0, stopping.signal)

  const follow = async (reader: Reader, lastEventId: { value: string | null }): Promise<void> => {
    const server = chance.pick(servers)
    if (server.standing() !== 'up') return
    const cut = new AbortController()
    const signal = AbortSignal.any([cut.signal, stopping.signal])
    const after = reader.from !== null && cursorOf(reader.from) === cursorOf(beginning) ? '?after=0' : ''
    const cutAt = setTimeout(() => cut.abort(), CUT_AFTER_MS.least + chance.roll() * (CUT_AFTER_MS.most - CUT_AFTER_MS.least))
    let silence = setTimeout(() => cut.abort(), SILENCE_MS)
    const take = ({ id, data }: Message): void => {
      if (id !== null) lastEventId.value = id
      if (data === null) {
        // Its first words, to somebody who asked for the present, say where the present is.
        if (id !== null) reader.from ??= placeOf(id)
        return
      }
      if ((JSON.parse(data) as { type: string }).type === 'resync') {
        reader.resyncs += 1
        reader.seen.length = 0
        reader.from = placeOf(id ?? '0')
      } else reader.seen.push(id ?? '')
    }
    try {
      const response = await fetch(`${server.url}/api/companies/${companyId}/events/stream${after}`, {
        headers: lastEventId.value === null ? {} : { 'last-event-id': lastEventId.value },
        signal,
      })
      if (response.status !== 200 || response.body === null) return
      reader.connections += 1
      const parse = createParser(take)
      const decoder = new TextDecoder()
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        clearTimeout(silence)
        silence = setTimeout(() => cut.abort(), SILENCE_MS)
        parse(decoder.decode(chunk, { stream: true }))
      }
    } catch {
      // Cut, by us or by them; it comes back.
    } finally {
      clearTimeout(cutAt)
      clearTimeout(silence)
    }
  }

  const live = async (reader: Reader): Promise<void> => {
    const lastEventId = { value: null as string | null }
    while (!stopping.signal.aborted) {
      await follow(reader, lastEventId)
      await sleep(COME_BACK_MS)
    }
  }

  const all = Array.from({ length: READERS }, (_, index): Reader => ({
    name: `reader ${index + 1}`,
    // Every other one wants everything there is.
    from: index % 2 === 0 ? beginning : null,
    seen: [],
    connections: 0,
    resyncs: 0,
  }))
  const lives = Promise.all(all.map(live))
  const stop = async (): Promise<void> => {
    stopping.abort()
    await lives
  }
  return {
    all,
    stop,
    async judge(postgres, findings) {
      const deadline = performance.now() + CATCH_UP_MS
      let there = await everything(postgres, companyId)
      while (!all.every((reader) => isUpToDate(reader, there)) && performance.now() < deadline) {
        await sleep(COME_BACK_MS)
        there = await everything(postgres, companyId)
      }
      await stop()
      for (const reader of all) compare(reader, there, findings)
      const resyncs = all.reduce((sum, { resyncs: count }) => sum + count, 0)
      const connections = all.reduce((sum, { connections: count }) => sum + count, 0)
      findings.saw(
        'readers',
        `${all.length} readers, ${connections} connections, ${all.map(({ seen }) => seen.length).join(' + ')} events${resyncs === 0 ? '' : `, ${resyncs} resyncs`}`,
      )
    },
  }
}

interface Row {
  readonly txid: string
  readonly source: number
  readonly number: number
}

/** The company's events in their order, as the tables have them. */
async function everything(postgres: Postgres, companyId: string): Promise<Place[]> {
  const rows = await postgres.ask<Row>(
    `select txid::text, ${sources.activity} as source, seq as number from activity_log where company_id = $1
     union all select txid::text, ${sources.runEvent}, id from heartbeat_run_events where company_id = $1`,
    [companyId],
  )
  return rows
    .map(({ txid, source, number }): Place => ({ txid: BigInt(txid), source, number }))
    .toSorted((one, other) => (isAfter(one, other) ? 1 : -1))
}

const isUpToDate = ({ seen }: Reader, there: readonly Place[]): boolean => {
  const last = there.at(-1)
  return last === undefined || seen.at(-1) === cursorOf(last)
}

/** Names the first event that a reader has missed, seen twice, or seen out of order. */
function compare({ name, from, seen }: Reader, there: readonly Place[], findings: Findings): void {
  const due = there.filter((place) => from !== null && isAfter(place, from)).map(cursorOf)
  const at = due.findIndex((id, index) => seen[index] !== id)
  if (at < 0 && seen.length === due.length) return
  const position = at < 0 ? due.length : at
  const got = seen[position]
  const what =
    got === undefined
      ? 'was not told of it'
      : seen.indexOf(got) < position
        ? 'saw an earlier one twice'
        : due.includes(got)
          ? 'was told of a later one first'
          : 'was told of one that is not there'
  findings.fault('readers', `${name} saw ${seen.length} of ${due.length}; at event ${position + 1} it ${what}`)
}
