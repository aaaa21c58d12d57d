import { parseArgs } from 'node:util'

/** Which bench the command line asks for. */
export type BenchRequest =
  | { readonly kind: 'floor' | 'connections' | 'unread' | 'help' }
  | { readonly kind: 'cpu'; readonly oldCheckout: string }
  | { readonly kind: 'peer'; readonly turns: number; readonly seconds: number; readonly only: string }

/** The text that `--help` prints. */
export const helpText = `Usage: npm run bench -- [options]

Without an option, this server is measured beside the least that a server could do.

Options:
  --peer           Measure this server beside the public release of Paperclip, which is installed outside the project.
  --cpu <folder>   Measure processor time beside another checkout of this server.
  --connections    Measure a request of the board without a credential beside one with a key.
  --unread         Measure the memory that callers take who never read.
  --turns <n>      With --peer: turns of each side, of which the median counts. The default is 3.
  --seconds <n>    With --peer: how long a turn lasts. The default is 3.
  --only <text>    With --peer: measure only what has this text in its name.
  --help           Print this text.

Environment variable: BENCH_CACHE, the folder outside the project for the installed release.
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
  cpu: { type: 'string' },
  connections: { type: 'boolean' },
  unread: { type: 'boolean' },
  turns: { type: 'string' },
  seconds: { type: 'string' },
  only: { type: 'string' },
  help: { type: 'boolean' },
} as const

/** Parses the command line. @throws an Error whose message is written for the operator */
export function readOptions(args: readonly string[]): BenchRequest {
  const { values } = parseArgs({ args: [...args], options: knownOptions })
  const kinds = (['help', 'peer', 'cpu', 'connections', 'unread'] as const).filter((kind) => values[kind] !== undefined)
  if (kinds.length > 1) throw new Error(`--${kinds.join(' and --')} are different measurements: choose one`)
  const only = values.only ?? ''
  const kind = kinds[0] ?? 'floor'
  if (kind === 'peer')
    return { kind, turns: positive('turns', values.turns, 3, true), seconds: positive('seconds', values.seconds, 3, false), only }
  return kind === 'cpu' ? { kind, oldCheckout: values.cpu ?? '' } : { kind }
}
