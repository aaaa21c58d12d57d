import { createInterface } from 'node:readline/promises'
import type { Interface } from 'node:readline/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { createClient } from './client.ts'
import type { Client } from './client.ts'
import type { Output } from './output.ts'
import { interruption, usageProblem } from './problem.ts'
import { escapeJson, forPeople, oneLine } from './screen.ts'
import type { Screen } from './screen.ts'
import type { SharedValues } from './sharedValues.ts'

/** The process around a command: its environment and its streams. Tests give their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: NodeJS.ReadStream | (NodeJS.ReadableStream & { readonly isTTY?: boolean })
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number }
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
  /** Begins to answer signals, for a command that does not answer them itself. @returns aborted when the operator interrupts the command */
  readonly listenForSignals: () => AbortSignal
}

/** The process around a command once it runs. */
export interface Running extends Surroundings {
  readonly out: Output
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
  /** Aborted when the operator interrupts the command. */
  readonly signal: AbortSignal
  /** Milliseconds since 1970. For texts only; no decision rests on the clock of this host. */
  readonly now: () => number
  /** Writes a text for people while the command runs, and waits for a reader that is slow. */
  readonly write: (text: string) => Promise<void>
  /** Writes JSON, or lines of it, while the command runs. */
  readonly writeJson: (json: string) => Promise<void>
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
  /** The address of the server that was spoken to; null while there was none. */
  readonly spokenTo: () => string | null
}

const FALLBACK_COLUMNS = 80

type Terminal = { readonly isTTY?: boolean }

// https://no-color.org: any value but the empty one.
const hasColours = (env: Surroundings['env'], { isTTY }: Terminal): boolean =>
  isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'

/** The screen behind the standard output. */
export function screenOf({ env, stdout }: Pick<Surroundings, 'env' | 'stdout'>): Screen {
  const isTerminal = stdout.isTTY === true
  return {
    isTerminal,
    width: isTerminal ? (stdout.columns ?? FALLBACK_COLUMNS) : Number.POSITIVE_INFINITY,
    hasColours: hasColours(env, stdout),
  }
}

/** Writes a text for people beside the output. */
export const writeNote = ({ env, stderr }: Pick<Surroundings, 'env' | 'stderr'>, text: string): void =>
  void stderr.write(`${forPeople({ hasColours: hasColours(env, stderr) }, text)}\n`)

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

/** The answer of a person; null when the terminal ended or Ctrl-C was pressed, which arrives as a key there and as no signal. */
async function ask(asking: Interface, question: string, signal: AbortSignal): Promise<string | null> {
  return await new Promise<string | null>((resolve, reject) => {
    asking.once('close', () => resolve(null))
    asking.once('SIGINT', () => reject(interruption('SIGINT')))
    asking.question(question, { signal }).then(resolve, reject)
  })
}

async function confirm({ stdin, stderr, signal }: Running, question: string, isConfirmed: boolean): Promise<boolean> {
  if (isConfirmed) return true
  if (stdin.isTTY !== true || stderr.isTTY !== true)
    throw usageProblem('There is no terminal at which this could be confirmed', 'give --yes when you know what it does')
  const asking = createInterface({ input: stdin, output: stderr })
  try {
    const answer = await ask(asking, `${oneLine(question)} [y/N] `, signal)
    return /^y(?:es)?$/i.test(answer?.trim() ?? '')
  } finally {
    asking.close()
  }
}

/** The home of the server that a command line means. */
const homeOf = (env: Surroundings['env'], given: string | null): string =>
  path.resolve(given ?? (env['PAPERCLIP_HOME'] || path.join(homedir(), '.paperclip-server')))

/** Makes what a command reaches from the process around it and the options that every command takes. */
export function createIo(around: Running, shared: SharedValues): Io {
  const home = homeOf(around.env, shared.home)
  const screen = screenOf(around)
  let client: Client | null = null
  return {
    env: around.env,
    home,
    json: shared.json,
    screen,
    signal: around.signal,
    now: Date.now,
    write: async (text) => await around.out.write(forPeople(screen, text)),
    writeJson: async (json) => await around.out.write(escapeJson(json)),
    note: (text) => writeNote(around, text),
    readInput: async (maxBytes) => await readAll(around.stdin, maxBytes),
    confirm: async (question, isConfirmed) => await confirm(around, question, isConfirmed),
    client: () => (client ??= createClient({ env: around.env, home, url: shared.url, signal: around.signal })),
    spokenTo: () => client?.url ?? null,
  }
}
