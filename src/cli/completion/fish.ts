import type { Command } from '../command.ts'
import { namedOptions, positionalOptions, sharedOptions } from '../optionSyntax.ts'
import type { OptionSyntax } from '../optionSyntax.ts'
import { nouns, verbsOf } from './words.ts'

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

const optionLine = (condition: string, { name, short, kind, description, choices }: OptionSyntax): string =>
  [
    `complete -c paperclip-server -n ${quoted(condition)} -l ${name}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(kind === 'flag' ? [] : ['-r']),
    ...(choices.length === 0 ? [] : [`-a ${quoted(choices.join(' '))}`]),
    `-d ${quoted(description)}`,
  ].join(' ')

function commandLines(commands: readonly Command[], command: Command): string[] {
  const [noun = '', verb] = command.name.split(' ')
  const seen = `__fish_seen_subcommand_from ${noun}`
  const condition = verb === undefined ? seen : `${seen}; and __fish_seen_subcommand_from ${verb}`
  const choices = positionalOptions(command)[0]?.choices ?? []
  const word =
    verb === undefined
      ? `complete -c paperclip-server -n '__fish_use_subcommand' -a ${noun} -d ${quoted(command.summary)}`
      : `complete -c paperclip-server -n ${quoted(`${seen}; and not __fish_seen_subcommand_from ${verbsOf(commands, noun).join(' ')}`)} -a ${verb} -d ${quoted(command.summary)}`
  return [
    word,
    ...(choices.length === 0 ? [] : [`complete -c paperclip-server -n ${quoted(condition)} -a ${quoted(choices.join(' '))}`]),
    ...namedOptions(command).map((option) => optionLine(condition, option)),
  ]
}

/** The completion of fish, with the descriptions of the declarations. */
export function fishCompletion(commands: readonly Command[]): string {
  const groups = nouns(commands).filter((noun) => verbsOf(commands, noun).length > 0)
  return `${[
    'complete -c paperclip-server -f',
    ...groups.map((noun) => `complete -c paperclip-server -n '__fish_use_subcommand' -a ${noun}`),
    ...sharedOptions.map((option) => optionLine('true', option)),
    ...commands.flatMap((each) => commandLines(commands, each)),
  ].join('\n')}\n`
}
