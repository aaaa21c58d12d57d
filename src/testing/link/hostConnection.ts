import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { lineReader } from '../protocol.ts'
import type { Calls, HostLine, Method, Pointer, StartLine } from '../protocol.ts'
import { hostProgram } from './hostProgram.ts'
import { meetingPlace, readPointer, takeStartLock } from './meetingPlace.ts'
import type { MeetingPlace } from './meetingPlace.ts'

/** A first start makes a database and all its tables. On a busy machine that takes ten times as long as on a quiet one. */
const START_WITHIN_MS = 120_000
const POLL_MS = 20

/** The connection of this process to the host of its servers. */
export interface HostConnection {
  call<M extends Method>(method: M, params: Calls[M]['takes']): Promise<Calls[M]['gives']>
  /** Waits for the news of a crash, which may have come. Resolves when the successor of the server answers. */
  crashed(crash: string): Promise<void>
  /** Calls back when the host has ended. */
  onEnd(callback: () => void): void
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

const hostEnded = (): Error => new Error('The host of the test servers has ended')

/** Only while an answer is awaited does the connection keep this process alive. */
function keepAliveWhile(socket: Socket, isBusy: () => boolean): void {
  if (isBusy()) socket.ref()
  else socket.unref()
}

/** The calls that wait for an answer, and the crashes that are waited for. */
function createMailbox(socket: Socket) {
  const calls = new Map<number, Pending>()
  const crashes = new Map<string, Pending>()
  const news = new Map<string, Extract<HostLine, { crashed: string }>>()
  const settle = (): void => keepAliveWhile(socket, () => calls.size + crashes.size > 0)
  const deliver = (line: HostLine, waiting: Pending): void => {
    if ('error' in line && line.error !== null) waiting.reject(new Error(line.error))
    else waiting.resolve('value' in line ? line.value : undefined)
  }
  const receive = (line: HostLine): void => {
    const waiting = 'crashed' in line ? crashes.get(line.crashed) : calls.get(line.id)
    if ('crashed' in line) crashes.delete(line.crashed)
    else calls.delete(line.id)
    if (waiting !== undefined) deliver(line, waiting)
    else if ('crashed' in line) news.set(line.crashed, line)
    settle()
  }
  const add = <T>(keep: (waiting: Pending) => void): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (socket.destroyed) return reject(hostEnded())
      keep({ resolve: resolve as Pending['resolve'], reject })
      settle()
    })
  socket.on('close', () => {
    for (const { reject } of [...calls.values(), ...crashes.values()]) reject(hostEnded())
    calls.clear()
    crashes.clear()
  })
  settle()
  return {
    receive,
    addCall: <T>(id: number): Promise<T> => add((waiting) => void calls.set(id, waiting)),
    addCrash: (crash: string): Promise<void> =>
      add((waiting) => {
        const line = news.get(crash)
        news.delete(crash)
        if (line === undefined) crashes.set(crash, waiting)
        else deliver(line, waiting)
      }),
  }
}

function speak(socket: Socket): HostConnection {
  const mailbox = createMailbox(socket)
  let lastId = 0
  socket.on(
    'data',
    lineReader((text) => mailbox.receive(JSON.parse(text) as HostLine)),
  )
  socket.on('error', () => {})
  return {
    async call(method, params) {
      const id = (lastId += 1)
      const answer = mailbox.addCall<Calls[typeof method]['gives']>(id)
      socket.write(`${JSON.stringify({ id, method, params })}\n`)
      return await answer
    },
    crashed: (crash) => mailbox.addCrash(crash),
    onEnd: (callback) => void socket.once('close', callback),
  }
}

async function reach({ socket: path }: Pointer): Promise<Socket | null> {
  const socket = connect(path)
  return await new Promise((resolve) => {
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(null))
  })
}

/** The environment of a host: nothing of this test, whose settings another one would meet. */
const hostEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|XDG_RUNTIME_DIR)$/.test(name)),
  )

/** Starts a host, which outlives this process when others use it. @throws Error that says why it does not start */
async function startHost(place: MeetingPlace): Promise<void> {
  const child = spawn(process.execPath, [...hostProgram(), place.folder, place.pointer, String(place.treePid)], {
    cwd: '/',
    detached: true,
    env: hostEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { stdout, stderr } = child
  let complaint = ''
  stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4000)))
  const line = await new Promise<StartLine>((resolve) => {
    stdout.on(
      'data',
      lineReader((text) => resolve(JSON.parse(text) as StartLine)),
    )
    child.on('error', (error) => resolve({ problem: error.message }))
    child.on('exit', () => resolve({ problem: complaint === '' ? 'it ended at once' : complaint }))
  })
  stdout.destroy()
  stderr.destroy()
  child.removeAllListeners('exit')
  child.unref()
  if ('problem' in line) throw new Error(`The host of the test servers does not start: ${line.problem}`)
}

async function reachPointed(place: MeetingPlace): Promise<Socket | null> {
  const pointer = readPointer(place)
  return pointer === null ? null : await reach(pointer)
}

/** Finds the host of this process tree, or starts it. */
async function openConnection(): Promise<HostConnection> {
  const deadline = performance.now() + START_WITHIN_MS
  while (performance.now() < deadline) {
    const place = meetingPlace(versionOfKit())
    const socket = await reachPointed(place)
    if (socket !== null) return speak(socket)
    const giveBack = takeStartLock(place)
    if (giveBack === null) {
      await sleep(POLL_MS)
      continue
    }
    try {
      // Another process may have started one just before.
      const late = await reachPointed(place)
      if (late !== null) return speak(late)
      await startHost(place)
    } finally {
      giveBack()
    }
  }
  throw new Error(`The host of the test servers was not ready within ${START_WITHIN_MS / 1000} s`)
}

/** Kits of two versions in one run have a host each. */
function versionOfKit(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return createHash('sha256').update(text).update(hostProgram().join()).digest('hex').slice(0, 12)
}

let connection: Promise<HostConnection> | null = null

/** The connection of this process, made at the first call. */
export function hostConnection(): Promise<HostConnection> {
  connection ??= openConnection().then(
    (opened) => {
      opened.onEnd(() => (connection = null))
      return opened
    },
    (error: unknown) => {
      connection = null
      throw error
    },
  )
  return connection
}
