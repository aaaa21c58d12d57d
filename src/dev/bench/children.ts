import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { unmetered } from '../testing/unmetered.ts'

/** The checkout that this file belongs to. */
export const thisCheckout: string = path.resolve(import.meta.dirname, '../../..')

/** Further options of Node for the server that is measured, to profile it: `--cpu-prof --cpu-prof-dir=…`. */
const EXTRA_NODE_FLAGS = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '')

/** The options of Node with which `npm start` of a checkout runs the server. */
export function startFlags(checkout: string): string[] {
  const { scripts } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8')) as { scripts: { start: string } }
  return [...scripts.start.split(' ').filter((word) => /^--(?!import)/.test(word)), ...EXTRA_NODE_FLAGS]
}

/** A server process that has printed its URL. */
export interface Child {
  readonly process: ChildProcess
  readonly port: number
}

/** Which program a child runs, and how. */
export interface ChildOptions {
  /** The checkout whose packages it loads. */
  readonly checkout: string
  /** Relative to the checkout. */
  readonly script: string
  readonly env: Readonly<Record<string, string>>
  readonly flags?: readonly string[]
}

/** Starts a server and waits for the log line with its URL. */
export async function startChild({ checkout, script, env, flags = [] }: ChildOptions): Promise<Child> {
  const logFile = path.join(env['PAPERCLIP_HOME'] ?? '', `${path.basename(script)}.log`)
  const output = openSync(logFile, 'w')
  // The server is started as `npm start` of its checkout starts it; those of before bundled nothing.
  const launcher = path.join(checkout, 'src/launch/start.js')
  const program = script === 'src/main.ts' && existsSync(launcher) ? [launcher] : ['--import', 'tsx', path.join(checkout, script)]
  const child = spawn(process.execPath, [...flags, ...program], {
    cwd: checkout,
    env: { ...process.env, NODE_ENV: 'production', ...unmetered, ...env },
    // The log goes into a file, as it would in service; through a pipe the load generator would have to read it.
    stdio: ['ignore', output, 'inherit'],
  })
  closeSync(output)
  process.once('exit', () => void child.kill('SIGKILL'))
  let exit: number | null | undefined
  child.once('exit', (code) => void (exit = code))
  while (exit === undefined) {
    const url = /"url":"([^"]+)"/.exec(readFileSync(logFile, 'utf8'))?.[1]
    if (url !== undefined) return { process: child, port: Number(new URL(url).port) }
    await delay(20)
  }
  throw new Error(`${script} exited with ${exit}`)
}

/** Stops a server in order and waits for its end. */
export const stopChild = (child: Child): Promise<void> =>
  new Promise((resolve) => {
    child.process.once('exit', () => resolve())
    child.process.kill('SIGTERM')
  })
