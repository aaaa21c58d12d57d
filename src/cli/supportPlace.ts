// The sources of the bundle for support on this host: the settings, the server, the database and the log that a home has.

import type { Finding } from '../doctor/index.ts'
import type { SupportSources } from '../observe/support/index.ts'
import { variableNames, version } from '../server/config.ts'
import type { Config } from '../server/config.ts'
import { secretVariables } from '../server/secretVariables.ts'
import { supportSources } from '../server/supportSources.ts'
import { doctorCommand } from './commands/doctor.ts'
import { openDatabaseOf, readConfigOf } from './database.ts'
import type { Io } from './io.ts'
import { findServer } from './server.ts'

/** Shown in the place of a secret. */
const COVERED = '(secret)'

/** The settings that are given, and where they come from. */
function settingsOf(env: Io['env']): object[] {
  const secrets: readonly string[] = secretVariables
  return variableNames
    .filter((name) => env[name] !== undefined)
    .map((name) => ({ name, value: secrets.includes(name) ? COVERED : env[name], source: 'environment' }))
}

const onDatabaseOf =
  (config: Config | null): SupportSources['onDatabase'] =>
  async (work) => {
    if (config === null) throw Object.assign(new Error('the settings are wrong'), { code: 'wrong_configuration' })
    const opened = await openDatabaseOf(config)
    try {
      if (opened.ownerPool === null) throw Object.assign(new Error('no login of the owner'), { code: 'no_owner' })
      return await work(opened.ownerPool)
    } finally {
      await opened.close()
    }
  }

/** The findings of the doctor, by ids and counts: its subjects name rows. Audit chains are not recomputed, which may take minutes. */
async function diagnose(io: Io): Promise<unknown> {
  const { data } = await doctorCommand.run(io, { fix: false, strict: false, skipChains: true } as never)
  const { findings } = data as { readonly findings: readonly Finding[] }
  return findings.map(({ id, level, count }) => ({ id, level, count }))
}

/** @param readerOf makes the reader of the log, from the file that the server writes it to */
export async function sourcesOf(
  io: Io,
  readerOf: (ofServer: string | null) => Promise<SupportSources['readLog']>,
): Promise<SupportSources> {
  const read = await readConfigOf(io)
  const config = 'config' in read ? read.config : null
  return supportSources({
    version,
    env: io.env,
    home: io.home,
    url: findServer(io.env, io.home, null).url,
    settings: 'problems' in read ? { problems: read.problems } : settingsOf(io.env),
    onDatabase: onDatabaseOf(config),
    readLog: await readerOf(config?.logFile ?? null),
    diagnose: () => diagnose(io),
  })
}
