/** One request, ready for the wire. */
export interface PreparedRequest {
  readonly bytes: Buffer
  /** The statuses that count as success; any other ends the load with an error. */
  readonly expectedStatuses: readonly number[]
}

/** The requests that one connection repeats. */
export type Script = readonly PreparedRequest[]

/** A turn that a generator is asked to play. */
export interface LoadJob {
  readonly port: number
  /** One script for each connection. */
  readonly scripts: readonly Script[]
  /** How long requests are begun. Each connection begins at least once. */
  readonly durationMs: number
  /** So many requests of a script belong together: a turn does not end between them. Left out: 1. */
  readonly unit?: number
  /**
   * The connections send the same step of their scripts at once, and the next one when every answer is in. A step counts as
   * one, its time lasts until the last answer, and the scripts are played once.
   */
  readonly inStep?: boolean
}

/** One turn of load, as the generator saw it. */
export interface LoadTurn {
  /** The time of each request in ms, or of each step. */
  readonly times: readonly number[]
  readonly elapsedMs: number
  /** Processor time of the generator itself. */
  readonly generatorCpuMs: number
  /** How many answers had each status. */
  readonly statuses: Readonly<Record<number, number>>
  /** Bytes of all bodies. */
  readonly bodyBytes: number
}

/** The result of several turns together. */
export interface LoadStats {
  /** Requests answered per second. */
  readonly rate: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** A request as its caller describes it. */
interface RequestDescription {
  /** Left out: `GET`. */
  readonly method?: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Left out: 200. */
  readonly expectedStatuses?: readonly number[]
}

/** Renders a request once, so that the generator costs as little as it can: it shares two cores with the server it measures. */
export function prepareRequest({
  method = 'GET',
  path,
  headers = {},
  body,
  expectedStatuses = [200],
}: RequestDescription): PreparedRequest {
  const text = body === undefined ? '' : JSON.stringify(body)
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  if (body !== undefined) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`)
  return { bytes: Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`), expectedStatuses }
}

/** The value below which a share `q` of sorted numbers lies. */
export const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0

/** The middle one of some numbers; of an even count the upper of the two. */
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Sums up what several turns have measured. */
export function summarize(turns: readonly Pick<LoadTurn, 'times' | 'elapsedMs'>[]): LoadStats {
  const times = turns.flatMap((turn) => turn.times).toSorted((a, b) => a - b)
  const seconds = turns.reduce((sum, turn) => sum + turn.elapsedMs, 0) / 1000
  return { rate: times.length / seconds, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) }
}

/** The medians of several turns: a turn that something else disturbed does not count. */
export function medianOfTurns(turns: readonly Pick<LoadTurn, 'times' | 'elapsedMs'>[]): LoadStats {
  const each = turns.map((turn) => summarize([turn]))
  return {
    rate: median(each.map(({ rate }) => rate)),
    p50Ms: median(each.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(each.map(({ p99Ms }) => p99Ms)),
  }
}
