// The server of an installed package as its own process, started by its command.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { pollFor, processGroup, signalAll } from './serverProcess.ts'
import { unmetered } from './unmetered.ts'

export interface PackagedOptions {
  /** The file of the command, or `npx`. */
  readonly program: string
  readonly home: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly account?: { readonly uid?: number; readonly gid?: number }
  /** Further arguments of `start`. */
  readonly args?: readonly string[]
}

const commandLineOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

/** Starts `paperclip-server start` on a free port. */
export function startPackaged({ program, home, cwd = '/', env = {}, account = {}, args = [] }: PackagedOptions) {
  const start = ['start', '--port', '0', '--home', home, ...args]
  const [file, ...words] = program === 'npx' ? ['npx', '--no-install', 'paperclip-server', ...start] : [process.execPath, program, ...start]
  const child = spawn(file as string, words, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: home, ...unmetered, ...env },
    ...account,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  let stderr = ''
  let hasExited = false
  createInterface(child.stdout).on('line', (line) => lines.push(line))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const exited = once(child, 'close').then(([code, signal]) => {
    hasExited = true
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }
  })
  const leader = child.pid ?? 0
  const serverPid = (): number | undefined =>
    processGroup(leader).find((pid) => /paperclip-server\0start/.test(commandLineOf(pid)) && commandLineOf(pid).startsWith('node'))
  return {
    lines,
    /** Its address, once it listens. */
    url: () =>
      pollFor('the packaged server listens', () => {
        const url = lines.map((line) => /"url":"([^"]+)".*"msg":"listening"/.exec(line)?.[1]).find((each) => each !== undefined)
        if (url === undefined && hasExited) throw new Error(`the server ended and said only ${lines.join('\n')} ${stderr}`)
        return url
      }),
    /** The process of the server, which npx and its shell stand before. */
    serverPid,
    async stop() {
      // The shell of npx would die of the signal, and npx with it, while the server still ends. Their code is that of the server.
      const alone = program === 'npx' ? serverPid() : undefined
      signalAll(alone === undefined ? processGroup(leader) : [alone], 'SIGTERM')
      return await exited
    },
    async kill() {
      signalAll(processGroup(leader), 'SIGKILL')
      await exited
    },
  }
}
