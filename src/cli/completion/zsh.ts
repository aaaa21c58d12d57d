import type { Command } from '../command.ts'
import { bashCompletion } from './bash.ts'

/** The completion of zsh, by its own support of bash's. */
export const zshCompletion = (commands: readonly Command[]): string => `#compdef paperclip-server
autoload -U +X compinit && compinit -i
autoload -U +X bashcompinit && bashcompinit
${bashCompletion(commands)}`
