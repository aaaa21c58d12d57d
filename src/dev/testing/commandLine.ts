import { Readable, Writable } from 'node:stream'
import type { Command } from '../../cli/command.ts'
import { commands } from '../../cli/commands.ts'
import { runProgram } from '../../cli/program.ts'

/** The output of a command, and how it ended. */
export interface Ended {
  readonly exit: number
  readonly out: string
  readonly err: string
}

interface Options {
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** The standard output is a terminal of so many columns. */
  readonly columns?: number
  readonly signal?: AbortSignal
  /** The code of the failure of the standard output, from its first byte on. */
  readonly outputFails?: string
  /** Called with the standard output so far whenever more of it arrives. */
  readonly onOutput?: (text: string) => void
  /** Commands in the place of those of the program. */
  readonly commands?: readonly Command[]
}

/** Runs a command line of paperclip-server in this process, with streams of its own. */
export async function runCommandLine(args: readonly string[], options: Options = {}): Promise<Ended> {
  const { env = {}, stdin = '', columns, signal = new AbortController().signal, onOutput, outputFails } = options
  const texts = { out: '', err: '' }
  const streamInto = (name: 'out' | 'err'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (name === 'out' && outputFails !== undefined) return done(Object.assign(new Error('write'), { code: outputFails }))
        texts[name] += chunk.toString()
        if (name === 'out') onOutput?.(texts.out)
        done()
      },
    })
  const stdout = Object.assign(streamInto('out'), columns === undefined ? {} : { isTTY: true, columns })
  const around = {
    env: { HOME: '/nonexistent', PAPERCLIP_HOME: '/nonexistent/home', ...env },
    stdin: Readable.from([stdin]),
    stdout,
    stderr: streamInto('err'),
    listenForSignals: () => signal,
  }
  const exit = await runProgram({ version: 'test', commands: options.commands ?? commands }, args, around)
  return { exit, ...texts }
}
