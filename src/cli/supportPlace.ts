// The sources of the bundle for support on this host: the settings, the server, the database and the log that a home has.

import type { Finding } from '../doctor/index.ts'
import type { SupportSources } from '../observe/support/index.ts'
import { version } from '../server/config.ts'
import type { Config } from '../server/config.ts'
import { layerSettings } from '../server/configFile.ts'
import { configFileOf, showSettings } from '../server/configSources.ts'
import { supportSources } from '../server/supportSources.ts'
import { doctorCommand } from './commands/doctor.ts'
import { openDatabaseOf, readConfigOf } from './database.ts'
import type { Io } from './io.ts'
import { findServer } from './server.ts'

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
  const env = { ...io.env, PAPERCLIP_HOME: io.home }
  const file = configFileOf(env)
  return supportSources({
    version,
    // A secret may stand in the file of the home as well, and must be known to be covered.
    env: layerSettings(env, file).values,
    home: io.home,
    url: findServer(io.env, io.home, null).url,
    settings: 'problems' in read ? { problems: read.problems } : showSettings(env, file),
    onDatabase: onDatabaseOf(config),
    readLog: await readerOf(config?.logFile ?? null),
    diagnose: () => diagnose(io),
  })
}
