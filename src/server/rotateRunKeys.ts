import path from 'node:path'
import { createRunKey, MAX_KEYS, readRunKeys, rotateRunKeys, signingKey, writeRunKeys } from '../auth/runKeySet.ts'
import type { RunKey } from '../auth/runKeySet.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { readKeptSecret, replaceSecretFile, RUN_KEYS_FILE } from '../platform/home/secret.ts'

/** Twice as long as a verifier may keep the published keys, and much longer than servers take to read them again. */
const DEFAULT_MINUTES = 10
const WEEK_MINUTES = 7 * 24 * 60

type Environment = Readonly<Record<string, string | undefined>>

/** The file with the keys: the one that servers are given, or that of the home. */
function fileOf(env: Environment, home: string): string {
  if ((env['PAPERCLIP_AGENT_JWT_KEYS'] ?? '') !== '')
    throw startProblem(
      'PAPERCLIP_AGENT_JWT_KEYS stands in the environment, where it cannot be changed: put it into a file that PAPERCLIP_AGENT_JWT_KEYS_FILE names',
    )
  const given = env['PAPERCLIP_AGENT_JWT_KEYS_FILE'] ?? ''
  return given === '' ? path.join(home, RUN_KEYS_FILE) : path.resolve(given)
}

/** In how many minutes the new key signs; null for at once, without the keys of before. */
function minutesOf(argument: string | undefined): number | null {
  if (argument === 'now') return null
  const minutes = argument === undefined ? DEFAULT_MINUTES : Number(argument)
  if (/^\d+$/.test(argument ?? '0') && minutes <= WEEK_MINUTES) return minutes
  throw startProblem(`rotate-run-keys takes now, or a number of minutes up to ${WEEK_MINUTES}`)
}

function keysIn(file: string): readonly RunKey[] {
  try {
    const text = readKeptSecret(path.dirname(file), path.basename(file))
    return text === null ? [] : readRunKeys(text)
  } catch (error) {
    throw startProblem(`${file} cannot be read: ${(error as Error).message}`)
  }
}

function write(file: string, keys: readonly RunKey[]): void {
  try {
    replaceSecretFile(path.dirname(file), path.basename(file), writeRunKeys(keys))
  } catch (error) {
    throw startProblem(`${file} cannot be written: ${(error as Error).message}`)
  }
}

const instantOf = (seconds: number): string => new Date(seconds * 1000).toISOString()

/**
 * Adds a key to the file of the keys of run tokens. It signs after some minutes, in which servers and verifiers learn of it; the key of before
 * goes on until then, and its tokens are valid until they end. With `now` the keys of before go at once, for one that is known to a stranger.
 * @param argument `now`, or the minutes; ten unless given
 * @returns what was done, as sentences for the operator
 * @throws an error with a sentence for the operator, when it cannot be done; nothing is changed then
 */
export function rotateRunKeysOnHost(env: Environment, home: string, argument: string | undefined): string {
  const minutes = minutesOf(argument)
  const file = fileOf(env, home)
  const before = keysIn(file)
  const now = Math.floor(Date.now() / 1000)
  if (minutes === null) {
    const key = createRunKey(now)
    write(file, [key])
    return `The key ${key.kid} signs from now on, and the tokens of every other key are refused.`
  }
  const key = createRunKey(signingKey(before, now) === null ? now : now + minutes * 60)
  const after = rotateRunKeys(before, key, now)
  if (after.length > MAX_KEYS)
    throw startProblem(`${file} would have more than ${MAX_KEYS} keys: wait until the tokens of the first have ended`)
  write(file, after)
  const done = `The key ${key.kid} signs from ${instantOf(key.signsFrom)} on. The tokens of the keys of before stay valid until they end.`
  return file === path.join(home, RUN_KEYS_FILE)
    ? done
    : `${done}\nServers read ${file} at their start only: restart them before that time.`
}
