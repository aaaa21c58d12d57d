import { PassThrough, Readable } from 'node:stream'
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
  /** Called with the standard output so far whenever more of it arrives. */
  readonly onOutput?: (text: string) => void
}

/** Runs a command line of paperclip-server in this process, with streams of its own. */
export async function runCommandLine(args: readonly string[], options: Options = {}): Promise<Ended> {
  const { env = {}, stdin = '', columns, signal = new AbortController().signal, onOutput } = options
  const texts = { out: '', err: '' }
  const streamInto = (name: 'out' | 'err'): PassThrough => {
    const stream = new PassThrough()
    stream.on('data', (chunk: Buffer) => {
      texts[name] += chunk.toString()
      if (name === 'out') onOutput?.(texts.out)
    })
    return stream
  }
  const stdout = Object.assign(streamInto('out'), columns === undefined ? {} : { isTTY: true, columns })
  const around = {
    env: { HOME: '/nonexistent', PAPERCLIP_HOME: '/nonexistent/home', ...env },
    stdin: Readable.from([stdin]),
    stdout,
    stderr: streamInto('err'),
    signal,
  }
  const exit = await runProgram({ version: 'test', commands }, args, around)
  return { exit, ...texts }
}
