import { z } from 'zod'
import { command } from '../command.ts'

const MAX_PORT = 65_535

/** Options in the place of settings: they go before the environment and the file of the home. */
const options = z.object({
  port: z.coerce
    .number()
    .int()
    .min(0)
    .max(MAX_PORT)
    .optional()
    .describe('the port to listen on, 0 for a free one; otherwise PORT, or 3100'),
  host: z.string().min(1).optional().describe('the address to listen on; otherwise HOST, or 127.0.0.1'),
  databaseUrl: z
    .string()
    .min(1)
    .optional()
    .describe(
      'a postgres:// URL without a password, which other accounts could see here; otherwise DATABASE_URL, or the embedded Postgres',
    ),
  workers: z.coerce.number().int().min(1).optional().describe('processes that serve on the port; otherwise PAPERCLIP_WORKERS, or 1'),
})

/** The settings that options replace; a secret in both forms. */
export function settingsOf(
  { port, host, databaseUrl, workers }: z.output<typeof options>,
  home: string,
): Record<string, string | undefined> {
  return {
    PAPERCLIP_HOME: home,
    ...(port === undefined ? {} : { PORT: String(port) }),
    ...(host === undefined ? {} : { HOST: host }),
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl, DATABASE_URL_FILE: undefined }),
    ...(workers === undefined ? {} : { PAPERCLIP_WORKERS: String(workers) }),
  }
}

export const startCommand = command({
  name: 'start',
  summary: 'Start the server, and stay until it ends',
  details:
    'Everything else is configured by variables and by config.json of the home: paperclip-server config show. SIGTERM and Ctrl-C finish the requests in flight and stop the database.',
  example: ['paperclip-server start', 'paperclip-server start --port 3200 --home /srv/paperclip', 'paperclip-server start --workers 4'],
  options,
  database: true,
  // The server finishes what is in flight, which takes longer than a command may.
  ownSignals: true,
  async run(io, given) {
    for (const [name, value] of Object.entries(settingsOf(given, io.home))) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    const [{ openProcess }, { start }] = await Promise.all([import('../../server/openProcess.ts'), import('../../server/start.ts')])
    await start(openProcess())
    // The process ends by a signal, or by an error that it has logged.
    return await new Promise<never>(() => {})
  },
})
