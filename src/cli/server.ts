// Which server a command means, and with which credential it speaks to it.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import { RUNNING_FILE } from '../platform/home/runningServer.ts'
import { isProcessAlive } from '../platform/kernel/processAlive.ts'
import { readKeptSecret } from '../platform/home/secret.ts'
import { usageProblem } from './problem.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** An address to speak to, and the bearer to send; null sends none. */
export interface ServerAccess {
  /** Without a slash at its end. */
  readonly url: string
  readonly token: string | null
}

/** The name of the file in the home with the token of the board. */
export const BOARD_TOKEN = 'board-token'

const runningServer = z.object({ url: z.url(), pid: z.number().int().positive() })

const given = (env: Environment, ...names: readonly string[]): string | null => {
  for (const name of names) {
    const value = env[name]
    if (value !== undefined && value !== '') return value
  }
  return null
}

/** A server that has announced itself in its home. */
interface RunningServer extends z.output<typeof runningServer> {
  /** Whether its process is there. One that was killed leaves its file behind. */
  readonly isAlive: boolean
}

/** The server that runs on a home, by the file that it keeps there; null where there is no such file. */
export function runningServerOf(home: string): RunningServer | null {
  try {
    const announced = runningServer.parse(JSON.parse(readFileSync(path.join(home, RUNNING_FILE), 'utf8')))
    return { ...announced, isAlive: isProcessAlive(announced.pid) }
  } catch {
    return null
  }
}

const isLoopback = (url: string): boolean => {
  const { hostname } = new URL(url)
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

function checkedUrl(text: string, source: string): string {
  if (!URL.canParse(text) || !['http:', 'https:'].includes(new URL(text).protocol))
    throw usageProblem(`${source}: is no http:// or https:// address`)
  const { username, origin, pathname } = new URL(text)
  if (username !== '') throw usageProblem(`${source}: must not carry credentials`, 'set PAPERCLIP_TOKEN instead')
  return `${origin}${pathname.replace(/\/+$/, '')}`
}

/**
 * The token of the board from the home; null where there is none, or this account cannot read it.
 * @throws a usage problem when other accounts can read or replace the file
 */
export function readHomeToken(home: string): string | null {
  try {
    return readKeptSecret(home, BOARD_TOKEN)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    // Another account's home: the server then says who is the board.
    if (code === 'EACCES' || code === 'ENOENT' || code === 'ENOTDIR') return null
    throw usageProblem(`The token of the board cannot be used: ${message}`)
  }
}

/** The token in the file that PAPERCLIP_BOARD_TOKEN_FILE names; null without the variable. @throws a usage problem */
function tokenFromFile(env: Environment): string | null {
  const file = given(env, 'PAPERCLIP_BOARD_TOKEN_FILE')
  if (file === null) return null
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw usageProblem(`PAPERCLIP_BOARD_TOKEN_FILE: cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
  }
}

/**
 * Finds the server: `--url`, PAPERCLIP_URL (or PAPERCLIP_API_URL), else the one that runs on the home, else PORT of this machine.
 * @throws a usage problem when an address is none, or the file with the token is open to other accounts
 */
export function findServer(env: Environment, home: string, asked: string | null): ServerAccess {
  const fromEnv = given(env, 'PAPERCLIP_URL', 'PAPERCLIP_API_URL')
  const named = asked === null ? fromEnv : checkedUrl(asked, '--url')
  const running = named === null ? runningServerOf(home) : null
  const guessed = `http://127.0.0.1:${given(env, 'PORT') ?? '3100'}`
  const source = named === null && running === null ? 'PORT' : 'PAPERCLIP_URL'
  const url = checkedUrl(named ?? running?.url ?? guessed, source).replace(/\/api$/, '')
  const token = given(env, 'PAPERCLIP_TOKEN', 'PAPERCLIP_API_KEY', 'PAPERCLIP_BOARD_TOKEN') ?? tokenFromFile(env)
  // A header cannot carry it, and the error of `fetch` would show it.
  if (token !== null && !/^[\x21-\x7E]+$/.test(token))
    throw usageProblem(
      'The token has characters that no token has',
      'look at PAPERCLIP_TOKEN, PAPERCLIP_API_KEY or PAPERCLIP_BOARD_TOKEN_FILE',
    )
  // The token of a home is sent on this machine only, and only to the address that a person named or that a living server of this home has
  // announced: at a port that is merely guessed any program of this machine may listen, and agents share its loopback addresses.
  const isKnown = named !== null || running?.isAlive === true
  return { url, token: token ?? (isKnown && isLoopback(url) ? readHomeToken(home) : null) }
}
