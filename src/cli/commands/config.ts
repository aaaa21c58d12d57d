import { z } from 'zod'
import { command } from '../command.ts'
import type { Io } from '../io.ts'
import { EXIT } from '../problem.ts'
import { table } from '../table.ts'

const envOf = (io: Io) => ({ ...io.env, PAPERCLIP_HOME: io.home })

export const configShowCommand = command({
  name: 'config show',
  summary: 'Show each setting, its value and where it comes from',
  details: 'The environment goes before config.json of the home. Secrets are covered.',
  example: ['paperclip-server config show', 'paperclip-server config show --set'],
  options: z.object({ set: z.boolean().default(false).describe('only what the environment or the file sets') }),
  database: true,
  async run(io, { set }) {
    const { configFileOf, showSettings } = await import('../../server/configSources.ts')
    const file = configFileOf(envOf(io))
    const settings = showSettings(envOf(io), file).filter(({ source }) => !set || source !== 'default')
    const text = table(
      io.screen,
      settings,
      [
        { title: 'setting', value: ({ name }) => name },
        { title: 'value', value: ({ value }) => value, gives: true },
        { title: 'source', value: ({ source }) => source },
        { title: 'note', value: ({ note }) => note ?? ' ', gives: true },
      ],
      'Nothing is set: every setting has its default.',
    )
    const where = `${file.path} ${file.isPresent ? 'is read' : 'is not there'}`
    return { data: { file: file.path, isPresent: file.isPresent, settings, problems: file.problems }, text: `${text}\n\n${where}` }
  },
})

export const configCheckCommand = command({
  name: 'config check',
  summary: 'Check the settings as a start would',
  details: 'The exit code is 1 when a start would refuse them. The port and the database are not tried.',
  example: 'paperclip-server config check',
  options: z.object({}),
  database: true,
  async run(io) {
    const { configFileOf, readHomeConfig } = await import('../../server/configSources.ts')
    const result = readHomeConfig(envOf(io))
    const problems = 'problems' in result ? result.problems : []
    const { path, isPresent } = configFileOf(envOf(io))
    const good = `The settings are good. ${path} ${isPresent ? 'is read' : 'is not there'}.`
    return {
      data: { file: path, isPresent, problems },
      text: problems.length === 0 ? good : problems.join('\n'),
      exit: problems.length === 0 ? EXIT.done : EXIT.bad,
    }
  },
})

export const configSchemaCommand = command({
  name: 'config schema',
  summary: 'Print the JSON Schema of config.json',
  example: 'paperclip-server config schema > config.schema.json',
  options: z.object({}),
  offline: true,
  async run() {
    const { configSchema } = await import('../../server/configSchema.ts')
    const schema = configSchema()
    return { data: schema, text: JSON.stringify(schema, null, 2) }
  },
})
