import type { Command } from './command.ts'
import { completionCommand } from './commands/completion.ts'
import { statusCommand } from './commands/status.ts'

/**
 * Every command, in the order of the help. A file in `commands/` exports the commands of one noun. The files are loaded for each command line, so they
 * import what is heavy inside `run`.
 */
export const commands: readonly Command[] = [
  // `start`, `config`: the start of the server and its settings.
  statusCommand,
  // `backup`, `restore`, `backup verify`, `import`, `support-bundle`: what an operator does with the data as a whole.
  completionCommand(() => commands),
]
