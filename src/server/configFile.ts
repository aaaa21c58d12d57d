// The file of settings in the home: read before everything else, and trusted as far as its owner and its mode allow.

import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { secretVariables } from './secretVariables.ts'

/** The name of the file in the home. */
const CONFIG_FILE = 'config.json'
/** Every setting at its longest takes a tenth of this. */
const MAX_BYTES = 256 * 1024
const OTHERS_WRITE = 0o022
/** The setting that says where the file is. */
const HOME = 'PAPERCLIP_HOME'

type Environment = Readonly<Record<string, string | undefined>>

/** The content of the file, as texts of the environment. */
export interface ConfigFile {
  readonly path: string
  readonly isPresent: boolean
  /** By name of the setting, as `readConfig` reads the environment. */
  readonly values: Readonly<Record<string, string>>
  /** One line for each problem; none repeats a value, which may be a secret. */
  readonly problems: readonly string[]
}

/** The file of a server that is given all of its settings. */
export const NO_CONFIG_FILE: ConfigFile = { path: CONFIG_FILE, isPresent: false, values: {}, problems: [] }

/** The one setting whose empty value has a meaning: no adapter at all. */
export const mayBeEmpty = (name: string): boolean => name === 'PAPERCLIP_ADAPTERS'

const isSecret = (name: string): boolean => (secretVariables as readonly string[]).includes(name)

/** A refusal of the file, with a sentence. */
class FileProblem extends Error {}

interface OpenedFile {
  readonly text: string
  /** The bits of the mode. */
  readonly mode: number
}

/** @returns null when there is no file */
function openFile(file: string): OpenedFile | null {
  let descriptor: number
  try {
    // Not waiting for the writer of a pipe.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new FileProblem(`cannot be read by the account of this server (${code}): change its owner or its rights`)
  }
  try {
    const { uid, mode, size } = statOfFile(descriptor)
    const own = process.getuid?.()
    if (own !== undefined && uid !== own && uid !== 0)
      throw new FileProblem(`belongs to another account (uid ${uid}): make it a file of the account of this server`)
    if ((mode & OTHERS_WRITE) !== 0)
      throw new FileProblem(
        `can be written by other accounts (mode ${modeText(mode)}), which would then configure this server: chmod go-w it`,
      )
    requireSafeFolder(path.dirname(file), own)
    if (size > MAX_BYTES) throw new FileProblem(`has more than ${MAX_BYTES / 1024} KiB`)
    return { text: readFileSync(descriptor, 'utf8'), mode }
  } finally {
    closeSync(descriptor)
  }
}

/** In a folder that others can write they could put another file of this account in the place of this one. */
function requireSafeFolder(folder: string, own: number | undefined): void {
  const { uid, mode } = statSync(folder)
  if (own !== undefined && uid !== own && uid !== 0)
    throw new FileProblem(
      `stands in a folder of another account (uid ${uid}), which could replace it: give the folder to the account of this server`,
    )
  if ((mode & OTHERS_WRITE) !== 0)
    throw new FileProblem(
      `stands in a folder that other accounts can write (mode ${modeText(mode)}), so they could replace it: chmod go-w the folder`,
    )
}

function statOfFile(descriptor: number) {
  const stat = fstatSync(descriptor)
  if (!stat.isFile()) throw new FileProblem('is not a file')
  return stat
}

const modeText = (mode: number): string => (mode & 0o777).toString(8).padStart(4, '0')

/** The message of the parser quotes the text, which may have secrets, so the sentence has the place alone. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const at = /position (\d+)/.exec((error as Error).message)?.[1]
    const before = at === undefined ? '' : text.slice(0, Number(at))
    const lines = before.split('\n')
    throw new FileProblem(
      at === undefined
        ? 'is not JSON: it ends too early, or has a character that JSON does not allow'
        : `is not JSON: see line ${lines.length}, column ${(lines.at(-1) ?? '').length + 1}`,
    )
  }
}

/** A value as the environment would have it, or why it cannot be one. */
function textOf(value: unknown): { readonly text: string } | { readonly problem: string } {
  if (typeof value === 'string') return { text: value }
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return { text: String(value) }
  if (Array.isArray(value)) {
    const items = value.map((item) => (typeof item === 'string' || typeof item === 'number' ? String(item) : null))
    if (items.some((item) => item === null)) return { problem: 'must be a list of texts' }
    if (items.some((item) => item?.includes(',') === true)) return { problem: 'an item of the list must have no comma' }
    return { text: items.join(',') }
  }
  return { problem: value === null ? 'must not be null: leave it out' : 'must be a text, a number, true, false, or a list of texts' }
}

/** The names that a setting of the file may have. */
export interface SettingNames {
  /** Every name, `NAME_FILE` of secrets included. */
  readonly known: readonly string[]
  /** The nearest known name of one that is unknown; null for none. */
  readonly nearest: (name: string) => string | null
}

function problemOf(name: string, { known, nearest }: SettingNames, mode: number): string | null {
  if (name === HOME) return `${HOME}: the file is found in the home, so it cannot say where that is: set the variable, or --home`
  if (!known.includes(name)) {
    const meant = nearest(name)
    return `${name}: is no setting of this server${meant === null ? '' : `; ${meant} is`}`
  }
  if (isSecret(name) && (mode & 0o077) !== 0)
    return `${name}: is a secret, and other accounts may read the file (mode ${modeText(mode)}): chmod 600 it, or name a file of its own with ${name}_FILE`
  return null
}

/**
 * Reads the settings in `config.json` of the home. A file that is not there gives none.
 *
 * The file decides what this server does, so it must belong to the account of the server or to root, and no other account may write it. A secret may stand in it
 * only where no other account may read it.
 * @param home the folder of the home
 */
export function readConfigFile(home: string, names: SettingNames): ConfigFile {
  const file = path.join(home, CONFIG_FILE)
  const values: Record<string, string> = {}
  const problems: string[] = []
  try {
    const opened = openFile(file)
    if (opened === null) return { path: file, isPresent: false, values, problems }
    const json = parse(opened.text)
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new FileProblem('must be an object, {"PORT": 3100}')
    for (const [name, value] of Object.entries(json)) {
      // Editors find the schema by it.
      if (name === '$schema') continue
      const problem = problemOf(name, names, opened.mode)
      const read = textOf(value)
      if (problem !== null) problems.push(`${file}: ${problem}`)
      else if ('problem' in read) problems.push(`${file}: ${name}: ${read.problem}`)
      else values[name] = read.text
    }
  } catch (error) {
    if (!(error instanceof FileProblem)) throw error
    problems.push(`${file}: ${error.message}`)
  }
  return { path: file, isPresent: true, values, problems }
}

/** The settings of both places. */
export interface LayeredSettings {
  readonly values: Environment
  /** The names whose value is that of the file. */
  readonly fromFile: ReadonlySet<string>
}

/** `NAME` of a secret that `NAME_FILE` names the file of; every other name is its own. */
function subjectOf(name: string): string {
  const base = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : name
  return isSecret(base) ? base : name
}

/**
 * Puts the environment over the file. A secret that the environment gives in one form replaces both forms in the file: otherwise an operator could not replace
 * `DATABASE_URL_FILE` of the file by `DATABASE_URL`.
 */
export function layerSettings(env: Environment, file: ConfigFile): LayeredSettings {
  const given = new Set(
    Object.entries(env)
      .filter(([name, value]) => value !== undefined && (value !== '' || mayBeEmpty(name)))
      .map(([name]) => subjectOf(name)),
  )
  const fromFile = Object.entries(file.values).filter(([name]) => !given.has(subjectOf(name)))
  return { values: { ...env, ...Object.fromEntries(fromFile) }, fromFile: new Set(fromFile.map(([name]) => name)) }
}
