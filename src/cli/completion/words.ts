import type { Command } from '../command.ts'
import { namedOptions, positionalOptions, shownOptions } from '../optionSyntax.ts'

/** The first words of all commands, each once. */
export const nouns = (commands: readonly Command[]): string[] => [...new Set(commands.map(({ name }) => name.split(' ')[0] as string))]

/** The second words of the commands that begin with a noun. */
export const verbsOf = (commands: readonly Command[], noun: string): string[] =>
  commands.flatMap(({ name }) => (name.startsWith(`${noun} `) ? [name.slice(noun.length + 1)] : []))

/** Everything that may follow the name of a command: its options, and the values of its first positional. */
export const wordsAfter = (command: Command): string[] => [
  ...(positionalOptions(command)[0]?.choices ?? []),
  ...[...namedOptions(command), ...shownOptions(command)].map(({ name }) => `--${name}`),
]
