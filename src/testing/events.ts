import { request } from 'node:http'
import type { ClientRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { lineReader } from './protocol.ts'

/** An event of a company, as the event stream sends it. */
export interface CompanyEvent {
  /** `activity.logged`, or `heartbeat.run.event`. */
  readonly type: string
  readonly companyId: string
  readonly createdAt: string
  // The payload differs by type, and a test looks at single fields of it.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly payload: any
}

/** The events of the companies of a server, from the first one on. */
export interface Events {
  /**
   * Waits for an event that satisfies the predicate; one that has come before counts too. Each event is given to the predicate once, in the
   * order of commits within its company.
   * @param options `timeout` in milliseconds, 5000 unless given; `company` where the kit did not make it
   * @throws Error after the timeout, with the actions that came
   */
  until(predicate: (event: CompanyEvent) => boolean, options?: UntilOptions): Promise<CompanyEvent>
}

export interface UntilOptions {
  readonly timeout?: number
  readonly company?: string | { readonly id: string }
}

const DEFAULT_TIMEOUT_MS = 5000
/** A server that was killed is back after this, or somewhat later. */
const RETRY_MS = 20
/** Actions that the error of a timeout names. */
const NAMED = 30

interface Source {
  readonly url: string
  readonly token: string
}

/** Reads the stream of a company until the signal is aborted, and connects again where it was when the connection ends. */
async function follow(
  { url, token }: Source,
  companyId: string,
  onEvent: (event: CompanyEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let cursor = '0'
  const readLine = (line: string): void => {
    if (line.startsWith('id: ')) cursor = line.slice(4)
    if (line.startsWith('data: ')) onEvent(JSON.parse(line.slice(6)) as CompanyEvent)
  }
  while (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const headers = { authorization: `Bearer ${token}`, 'last-event-id': cursor }
      const outgoing: ClientRequest = request(new URL(`/api/companies/${companyId}/events/stream`, url), { headers, agent: false, signal })
      outgoing.on('response', (incoming) => {
        incoming.setEncoding('utf8')
        if (incoming.statusCode === 200) incoming.on('data', lineReader(readLine))
        else incoming.resume()
        incoming.on('error', () => {})
        incoming.on('close', resolve)
      })
      outgoing.on('error', () => resolve())
      outgoing.end()
    })
    if (!signal.aborted) await sleep(RETRY_MS)
  }
}

/** @param companies the ids of the companies that the kit has made so far */
export function createEvents(source: Source, companies: () => readonly string[]): Events {
  return {
    async until(predicate, { timeout = DEFAULT_TIMEOUT_MS, company } = {}) {
      const followed = company === undefined ? companies() : [typeof company === 'string' ? company : company.id]
      const stopping = new AbortController()
      const actions: string[] = []
      try {
        return await new Promise<CompanyEvent>((resolve, reject) => {
          const onEvent = (event: CompanyEvent): void => {
            actions.push((event.payload as { action?: string } | undefined)?.action ?? event.type)
            try {
              if (predicate(event)) resolve(event)
            } catch (error) {
              reject(error as Error)
            }
          }
          for (const each of followed) follow(source, each, onEvent, stopping.signal).catch(reject)
          const timer = setTimeout(() => {
            const came = actions.length === 0 ? 'none came' : `${actions.length} came, the last: ${actions.slice(-NAMED).join(', ')}`
            reject(new Error(`No event satisfied the predicate within ${timeout} ms; ${came}`))
          }, timeout)
          stopping.signal.addEventListener('abort', () => clearTimeout(timer))
        })
      } finally {
        stopping.abort()
      }
    },
  }
}
