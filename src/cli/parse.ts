import { parseArgs } from 'node:util'
import { nearestName } from '../platform/kernel/nearest.ts'
import type { Command } from './command.ts'
import { namedOptions, positionalOptions, sharedOptions } from './optionSyntax.ts'
import type { OptionSyntax } from './optionSyntax.ts'
import { usageProblem } from './problem.ts'
import type { SharedValues } from './sharedValues.ts'

/** A command line that names a command of the list. */
export interface ParsedLine {
  readonly command: Command
  readonly shared: SharedValues
  /** The options as the schema of the command returned them. Missing when `--help` was asked for. */
  readonly options: unknown
}

/** A command line that names no single command. */
export interface UnfinishedLine {
  readonly command: null
  /** The words that begin the names of several commands; empty when no command was named. */
  readonly words: readonly string[]
  readonly json: boolean
}

const valueOptions = new Set(sharedOptions.filter(({ kind }) => kind === 'value').map(({ name }) => `--${name}`))

/** The first two words that are no options, with their places in the line. Shared options may stand before the command. */
function leadingWords(args: readonly string[]): { readonly word: string; readonly at: number }[] {
  const words: { word: string; at: number }[] = []
  for (let at = 0; at < args.length && words.length < 2; at += 1) {
    const word = args[at] as string
    if (word === '--') break
    if (valueOptions.has(word)) at += 1
    else if (!word.startsWith('-')) words.push({ word, at })
  }
  return words
}

/** The command that begins a line, with the rest of the line; null when none does. */
function findCommand(commands: readonly Command[], args: readonly string[]): { command: Command; rest: string[] } | null {
  const words = leadingWords(args)
  for (const count of [2, 1]) {
    const taken = words.slice(0, count)
    const name = taken.map(({ word }) => word).join(' ')
    const found = taken.length === count ? commands.find((each) => each.name === name) : undefined
    const places = new Set(taken.map(({ at }) => at))
    if (found !== undefined) return { command: found, rest: args.filter((_, at) => !places.has(at)) }
  }
  const noun = words[0]
  // A noun alone lists what there is.
  const list = noun === undefined || words.length > 1 ? undefined : commands.find(({ name }) => name === `${noun.word} ls`)
  if (list === undefined || noun === undefined || args.includes('--help') || args.includes('-h')) return null
  return { command: list, rest: args.filter((_, at) => at !== noun.at) }
}

/**
 * Reads a command line.
 * @param args without the program itself
 * @throws a usage problem: an unknown command or option, a missing or wrong value; it names the nearest that exists
 */
export function parseLine(commands: readonly Command[], args: readonly string[]): ParsedLine | UnfinishedLine {
  const found = findCommand(commands, args)
  if (found !== null) return parseOptions(found.command, found.rest)
  const words = leadingWords(args).map(({ word }) => word)
  const [first] = words
  if (first === 'help') return parseHelp(commands, args.slice(args.indexOf('help') + 1))
  const isGroup = first !== undefined && commands.some(({ name }) => name.startsWith(`${first} `))
  if (first !== undefined && (!isGroup || words.length > 1)) refuseCommand(commands, words)
  if (first === undefined) refuseUnknownOptions(args)
  return { command: null, words, json: args.includes('--json') }
}

function parseHelp(commands: readonly Command[], words: readonly string[]): ParsedLine | UnfinishedLine {
  if (words.length === 0) return { command: null, words: [], json: false }
  return parseLine(commands, [...words, '--help'])
}

function refuseCommand(commands: readonly Command[], words: readonly string[]): never {
  const given = words.join(' ')
  const names = commands.map(({ name }) => name)
  const nouns = names.map((name) => name.split(' ')[0] as string)
  const nearest = nearestName(given, names) ?? nearestName(words[0] as string, nouns)
  const next = nearest === null ? 'paperclip-server --help lists the commands' : `did you mean ${nearest}?`
  throw usageProblem(`${given}: is no command`, next)
}

/** A line without a command may ask for help, and nothing else. */
function refuseUnknownOptions(args: readonly string[]): void {
  const unknown = args.find((arg) => !['--help', '-h', '--json'].includes(arg))
  if (unknown !== undefined) throw usageProblem(`${unknown}: is no command`, 'paperclip-server --help lists the commands')
}

const asParseArgs = (options: readonly OptionSyntax[]) =>
  Object.fromEntries(
    options.map(({ name, kind, short }) => [
      name,
      {
        type: kind === 'flag' ? ('boolean' as const) : ('string' as const),
        multiple: kind === 'list',
        ...(short === undefined ? {} : { short }),
      },
    ]),
  )

/** The result of the parser of Node, or a usage problem in our words. */
function parseWithNode(command: Command, known: readonly OptionSyntax[], args: string[]) {
  try {
    return parseArgs({ args, options: asParseArgs(known), allowPositionals: true, strict: true })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code?.startsWith('ERR_PARSE_ARGS_') !== true) throw error
    const help = `paperclip-server ${command.name} --help shows what it takes`
    const unknown = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'(-[^']*)'/.exec(message)?.[1] : undefined
    if (unknown === undefined) throw usageProblem(message.split('\n')[0]?.replace(/\. .*$/, '') ?? message, help)
    const nearest = nearestName(
      unknown.replace(/^-+/, ''),
      known.map(({ name }) => name),
    )
    throw usageProblem(`${unknown}: is no option of ${command.name}`, nearest === null ? help : `did you mean --${nearest}?`)
  }
}

/** The values that were given by position, by their keys. */
function takePositionals(command: Command, given: readonly string[]): Record<string, unknown> {
  const expected = positionalOptions(command)
  const values: Record<string, unknown> = {}
  for (const [at, { key, kind, name, isRequired }] of expected.entries()) {
    const value = kind === 'list' ? given.slice(at) : given[at]
    if (isRequired && (value === undefined || value.length === 0))
      throw usageProblem(`${command.name} needs ${name.toUpperCase()}`, `for example: ${[command.example].flat()[0]}`)
    if (value !== undefined && value.length > 0) values[key] = value
  }
  const takesRest = expected.at(-1)?.kind === 'list'
  const extra = takesRest ? undefined : given[expected.length]
  if (extra !== undefined)
    throw usageProblem(
      `${extra}: is one argument too many for ${command.name}`,
      `paperclip-server ${command.name} --help shows what it takes`,
    )
  return values
}

function parseOptions(command: Command, args: string[]): ParsedLine {
  const named = namedOptions(command)
  const { values, positionals } = parseWithNode(command, [...named, ...sharedOptions], args)
  const text = (name: string): string | null => (typeof values[name] === 'string' ? values[name] : null)
  const shared = { json: values['json'] === true, help: values['help'] === true, url: text('url'), home: text('home') }
  if (shared.help) return { command, shared, options: {} }
  const own = Object.fromEntries(named.flatMap(({ key, name }) => (values[name] === undefined ? [] : [[key, values[name]]])))
  const checked = command.options.safeParse({ ...own, ...takePositionals(command, positionals) })
  if (checked.success) return { command, shared, options: checked.data }
  const [issue] = checked.error.issues
  const key = String(issue?.path[0] ?? '')
  const wrong = [...named, ...positionalOptions(command)].find((option) => option.key === key)
  const name = command.positionals.includes(key) ? wrong?.name.toUpperCase() : `--${wrong?.name ?? key}`
  const isMissing = wrong?.isRequired === true && values[wrong.name] === undefined && !command.positionals.includes(key)
  const example = `for example: ${[command.example].flat()[0]}`
  throw usageProblem(isMissing ? `${command.name} needs ${name}` : `${name}: ${issue?.message ?? 'is wrong'}`, example)
}
