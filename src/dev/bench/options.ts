import { parseArgs } from 'node:util'

/** Which bench the command line asks for. */
export type BenchRequest =
  | { readonly kind: 'floor' | 'connections' | 'costs' | 'unread' | 'help' }
  | { readonly kind: 'cpu'; readonly oldCheckout: string }
  | { readonly kind: 'peer'; readonly turns: number; readonly seconds: number; readonly only: string }
  | { readonly kind: 'growth'; readonly issues: number; readonly repeats: number; readonly only: string; readonly replant: boolean }

/** The text that `--help` prints. */
export const helpText = `Usage: npm run bench -- [options]

Without an option, this server is measured beside the least that a server could do.

Options:
  --peer           Measure this server beside the public release of Paperclip, which is installed outside the project.
  --growth         Measure the reads of this server at 1,000 issues and at a large number, whose database is planted once.
  --cpu <folder>   Measure processor time beside another checkout of this server.
  --connections    Measure a request of the board without a credential beside one with a key.
  --costs          Measure the sums of costs with 10,000 cost events and with 1,000,000.
  --unread         Measure the memory that callers take who never read.
  --turns <n>      With --peer: turns of each side, of which the median counts. The default is 3.
  --seconds <n>    With --peer: how long a turn lasts. The default is 3.
  --issues <n>     With --growth: the large number of issues. The default is 1000000. Audit rows are five times as many.
  --repeats <n>    With --growth: how often each read is measured. The default is 15.
  --replant        With --growth: plant the databases again.
  --only <text>    With --peer and --growth: measure only what has this text in its name.
  --help           Print this text.

Environment variable: BENCH_CACHE, the folder outside the project for the installed release and the planted databases.
`

function positive(name: string, text: string | undefined, fallback: number, isWhole: boolean): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value) || (isWhole && !Number.isInteger(value)))
    throw new Error(`--${name} must be a ${isWhole ? 'whole ' : ''}number above 0`)
  return value
}

const knownOptions = {
  peer: { type: 'boolean' },
  growth: { type: 'boolean' },
  cpu: { type: 'string' },
  connections: { type: 'boolean' },
  costs: { type: 'boolean' },
  unread: { type: 'boolean' },
  turns: { type: 'string' },
  seconds: { type: 'string' },
  issues: { type: 'string' },
  repeats: { type: 'string' },
  replant: { type: 'boolean' },
  only: { type: 'string' },
  help: { type: 'boolean' },
} as const

/** Parses the command line. @throws an Error whose message is written for the operator */
export function readOptions(args: readonly string[]): BenchRequest {
  const { values } = parseArgs({ args: [...args], options: knownOptions })
  const kinds = (['help', 'peer', 'growth', 'cpu', 'connections', 'costs', 'unread'] as const).filter((kind) => values[kind] !== undefined)
  if (kinds.length > 1) throw new Error(`--${kinds.join(' and --')} are different measurements: choose one`)
  const only = values.only ?? ''
  const kind = kinds[0] ?? 'floor'
  if (kind === 'peer')
    return { kind, turns: positive('turns', values.turns, 3, true), seconds: positive('seconds', values.seconds, 3, false), only }
  if (kind === 'growth') {
    const [issues, repeats] = [positive('issues', values.issues, 1_000_000, true), positive('repeats', values.repeats, 15, true)]
    return { kind, issues, repeats, only, replant: values.replant ?? false }
  }
  return kind === 'cpu' ? { kind, oldCheckout: values.cpu ?? '' } : { kind }
}
