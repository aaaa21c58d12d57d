import type { Command } from './command.ts'
import { namedOptions, positionalOptions, shownOptions } from './optionSyntax.ts'
import type { OptionSyntax } from './optionSyntax.ts'

/** The form of an option on a command line: `--limit LIMIT`. */
export const optionForm = ({ name, short, kind }: OptionSyntax): string =>
  `${short === undefined ? '' : `-${short}, `}--${name}${kind === 'flag' ? '' : ` ${name.replaceAll('-', '_').toUpperCase()}`}`

/** The meaning of an option, with its values and its default. */
export function optionMeaning({ description, choices, fallback, kind, isRequired }: OptionSyntax): string {
  const notes = [
    ...(choices.length === 0 ? [] : [`one of ${choices.join(', ')}`]),
    ...(fallback === null ? [] : [`default ${fallback}`]),
    ...(kind === 'list' ? ['may be given several times'] : []),
    ...(isRequired ? ['required'] : []),
  ]
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`
}

const positionalForm = ({ name, kind, isRequired }: OptionSyntax): string => {
  const form = `${name.replaceAll('-', '_').toUpperCase()}${kind === 'list' ? '...' : ''}`
  return isRequired ? form : `[${form}]`
}

/** How a command is typed: `paperclip-server locks release ISSUE [options]`. */
export const usageOf = (command: Command): string =>
  ['paperclip-server', command.name, ...positionalOptions(command).map(positionalForm), '[options]'].join(' ')

const aligned = (rows: readonly (readonly [string, string])[]): string[] => {
  const width = Math.max(0, ...rows.map(([form]) => form.length))
  return rows.map(([form, meaning]) => `  ${form.padEnd(width)}  ${meaning}`)
}

/** Sentence that says how a command reaches its data. */
export function reachOf({ database, offline }: Command): string {
  if (offline === true) return 'It needs no server.'
  return database === true
    ? 'It opens the database itself (DATABASE_URL, or the embedded Postgres of the home) and needs no running server.'
    : 'It speaks to a running server.'
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const { summary, details, example } = command
  const own = namedOptions(command)
  const placed = positionalOptions(command)
  const lines = [
    `${summary}.`,
    '',
    `Usage: ${usageOf(command)}`,
    '',
    ...(details === undefined ? [] : [details, '']),
    ...(placed.length === 0 ? [] : [...aligned(placed.map((option) => [positionalForm(option), optionMeaning(option)])), '']),
    'Options:',
    ...aligned([...own, ...shownOptions(command)].map((option) => [optionForm(option), optionMeaning(option)])),
    '',
    [example].flat().length === 1 ? 'Example:' : 'Examples:',
    ...[example].flat().map((line) => `  ${line}`),
    '',
    reachOf(command),
  ]
  return `${lines.join('\n')}\n`
}

/** The meanings of the exit codes, for help and documents. */
export const exitCodes: readonly (readonly [string, string])[] = [
  ['0', 'done'],
  [
    '1',
    'the answer is a bad one: a finding, a broken chain, a failed check; or output of which a part is worth nothing was not taken to its end',
  ],
  ['2', 'the command line is wrong, or an answer to a question is missing'],
  ['3', 'the server or the database is not reached'],
  ['4', 'the server refused'],
  ['130, 143', 'interrupted by Ctrl-C or by SIGTERM (129: the terminal was closed); a sentence says what is left to do'],
]

/** The help of the program, or of the commands that begin with a word. */
export function programHelp(version: string, commands: readonly Command[], words: readonly string[] = []): string {
  const [group] = words
  const listed = group === undefined ? commands : commands.filter(({ name }) => name.startsWith(`${group} `))
  const lines = [
    ...(group === undefined ? [`paperclip-server ${version}`, ''] : []),
    `Usage: paperclip-server ${group ?? 'COMMAND'} ${group === undefined ? '' : 'VERB '}[options]`,
    '',
    ...aligned(listed.map(({ name, summary }) => [name, summary])),
    '',
    `paperclip-server ${group === undefined ? 'COMMAND' : `${group} VERB`} --help explains one of them, with an example. --json makes output for programs.`,
    ...(group === undefined ? ['', 'Exit codes:', ...aligned(exitCodes)] : []),
  ]
  return `${lines.join('\n')}\n`
}
