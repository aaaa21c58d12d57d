import { z } from 'zod'
import type { Adapter } from './adapter.ts'
import { startCommand } from './command.ts'
import type { CommandHost } from './command.ts'
import { argumentList, commandFields, optional, plainText } from './config.ts'

// There is no field for a shell, and an unknown one changes nothing: a shell is asked for as the command itself.
export const processConfig = z.object({
  command: plainText.min(1),
  args: optional(argumentList),
  ...commandFields,
})

/** Any program. What it learns of its run stands in its environment; what it did is told by its exit code. */
export const processAdapter = (host: CommandHost): Adapter<z.output<typeof processConfig>> => ({
  schema: processConfig,
  requirements: ({ command, cwd, env }) => ({ command, cwd, env }),
  start: (job, config, listener) =>
    startCommand({
      job,
      config,
      host,
      listener,
      invocation: () => Promise.resolve({ command: config.command, args: config.args ?? [], input: null }),
      refineOutcome: (ended) => ended,
    }),
})
