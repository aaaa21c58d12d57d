import { z } from 'zod'
import type { Adapter } from './adapter.ts'
import { startCommand } from './command.ts'
import type { CommandHost } from './command.ts'
import { noNeeds } from './isolation/index.ts'
import { argumentList, commandFields, optional, plainText } from './config.ts'

// There is no field that requests a shell, and unknown fields have no effect: a shell has to be configured as the command.
export const processConfig = z.object({
  command: plainText.min(1).describe('The program: a path, or a name that is searched in `PATH`. Never a line for a shell'),
  args: optional(argumentList).describe('Its arguments'),
  ...commandFields,
})

/** Any program. It learns the facts of its run from its environment, and its exit code decides the outcome. */
export const processAdapter = (host: CommandHost): Adapter<z.output<typeof processConfig>> => ({
  schema: processConfig,
  requirements: ({ command, args, cwd, env }) => ({ command, cwd, env, namedArgs: args ?? [], needs: noNeeds }),
  start: (job, config, listener) =>
    startCommand({
      job,
      config,
      host,
      listener,
      invocation: () => Promise.resolve({ command: config.command, args: config.args ?? [], input: null }),
      needs: noNeeds,
      namedArgs: config.args ?? [],
      refineOutcome: (outcome) => outcome,
    }),
})
