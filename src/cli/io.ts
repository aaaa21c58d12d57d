import { createInterface } from 'node:readline/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { createClient } from './client.ts'
import type { Client } from './client.ts'
import { usageProblem } from './problem.ts'
import { plain } from './screen.ts'
import type { Screen } from './screen.ts'
import type { SharedValues } from './sharedValues.ts'

/** The process around a command: its environment and its streams. Tests give their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadStream | (NodeJS.ReadableStream & { readonly isTTY?: boolean })
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
  /** Ends when the operator interrupts the command. */
  readonly signal: AbortSignal
}

/** Everything that a command reaches: streams, environment, server. */
export interface Io {
  readonly env: Surroundings['env']
  /** The home of the server, as an absolute path. */
  readonly home: string
  /** Whether the output is for programs. */
  readonly json: boolean
  readonly screen: Screen
  readonly signal: AbortSignal
  /** Milliseconds since 1970. For texts only; no decision rests on the clock of this host. */
  readonly now: () => number
  /** Writes output while the command runs, and waits for a reader that is slow. */
  readonly write: (text: string) => Promise<void>
  /** Writes a remark for a person, beside the output. */
  readonly note: (text: string) => void
  /** Reads the whole standard input. @throws a usage problem when it is a terminal, or longer than `maxBytes` */
  readonly readInput: (maxBytes: number) => Promise<string>
  /**
   * Asks for a yes.
   * @returns true when `isConfirmed`, or a person at a terminal says yes
   * @throws a usage problem when there is no terminal to ask at
   */
  readonly confirm: (question: string, isConfirmed: boolean) => Promise<boolean>
  /** The client of the server, opened at its first use. @throws when its address or token cannot be had */
  readonly client: () => Client
}

const FALLBACK_COLUMNS = 80

function screenOf({ env, stdout }: Surroundings): Screen {
  const isTerminal = stdout.isTTY === true
  return {
    isTerminal,
    width: isTerminal ? (stdout.columns ?? FALLBACK_COLUMNS) : Number.POSITIVE_INFINITY,
    // https://no-color.org: any value but the empty one.
    hasColours: isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
  }
}

const writeTo = async (stream: NodeJS.WritableStream, text: string): Promise<void> => {
  if (!stream.write(text)) await new Promise<void>((resolve) => void stream.once('drain', resolve))
}

async function readAll(stdin: Surroundings['stdin'], maxBytes: number): Promise<string> {
  if (stdin.isTTY === true) throw usageProblem('The standard input is a terminal', 'give the value through a pipe or a file')
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk as Uint8Array)
    size += bytes.length
    if (size > maxBytes) throw usageProblem(`The standard input has more than ${maxBytes} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function confirm({ stdin, stderr, signal }: Surroundings, question: string, isConfirmed: boolean): Promise<boolean> {
  if (isConfirmed) return true
  if (stdin.isTTY !== true || stderr.isTTY !== true)
    throw usageProblem('There is no terminal at which this could be confirmed', 'give --yes once you have looked at --dry-run')
  const asking = createInterface({ input: stdin, output: stderr })
  try {
    const answer = await asking.question(`${plain(question)} [y/N] `, { signal })
    return /^y(?:es)?$/i.test(answer.trim())
  } finally {
    asking.close()
  }
}

/** The home of the server that a command line means. */
const homeOf = (env: Surroundings['env'], given: string | null): string =>
  path.resolve(given ?? (env['PAPERCLIP_HOME'] || path.join(homedir(), '.paperclip-server')))

/** Makes what a command reaches from the process around it and the options that every command takes. */
export function createIo(around: Surroundings, shared: SharedValues): Io {
  const home = homeOf(around.env, shared.home)
  let client: Client | null = null
  return {
    env: around.env,
    home,
    json: shared.json,
    screen: screenOf(around),
    signal: around.signal,
    now: Date.now,
    write: async (text) => await writeTo(around.stdout, text),
    note: (text) => void around.stderr.write(`${text}\n`),
    readInput: async (maxBytes) => await readAll(around.stdin, maxBytes),
    confirm: async (question, isConfirmed) => await confirm(around, question, isConfirmed),
    client: () => (client ??= createClient({ env: around.env, home, url: shared.url, signal: around.signal })),
  }
}
