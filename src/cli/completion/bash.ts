import type { Command } from '../command.ts'
import { nouns, verbsOf, wordsAfter } from './words.ts'

/** The completion of bash. The words are names of this program only, so they need no quoting. */
export function bashCompletion(commands: readonly Command[]): string {
  const caseOf = (name: string, words: readonly string[]): string => `      '${name}') words='${words.join(' ')}' ;;`
  const verbs = nouns(commands).map((noun) => caseOf(noun, verbsOf(commands, noun)))
  const ofCommands = commands.map((command) => ({ name: command.name, line: caseOf(command.name, wordsAfter(command)) }))
  const [double, single] = [true, false].map((hasVerb) =>
    ofCommands.filter(({ name }) => name.includes(' ') === hasVerb).map(({ line }) => line),
  )
  return `_paperclip_server() {
  local current="\${COMP_WORDS[COMP_CWORD]}" one="\${COMP_WORDS[1]}" two="\${COMP_WORDS[1]} \${COMP_WORDS[2]}" words=''
  if ((COMP_CWORD == 1)); then words='${[...nouns(commands), 'help'].join(' ')}'
  else
    if ((COMP_CWORD == 2)); then case "$one" in
${verbs.join('\n')}
    esac; fi
    if ((COMP_CWORD > 2)); then case "$two" in
${(double ?? []).join('\n')}
    esac; fi
    if [ -z "$words" ]; then case "$one" in
${(single ?? []).join('\n')}
    esac; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _paperclip_server paperclip-server
`
}
