// Parts that more than one kind of process of this server has: its log, its traces, and the work before a migration.

import type { DatabaseLogins } from '../platform/db/migrate.ts'
import type { BeforeMigration } from '../platform/db/migrations.ts'
import { openProcessLog } from '../platform/kernel/log.ts'
import type { Log, ProcessLog } from '../platform/kernel/log.ts'
import { version } from './config.ts'
import type { Config } from './config.ts'
import type { ProcessLifecycle } from './processLifecycle.ts'

/** Ends a process that cannot serve, with the reasons. */
export function exitWith(problems: readonly string[]): never {
  process.stderr.write(`paperclip-server cannot start:\n${problems.map((problem) => `  ${problem}\n`).join('')}`)
  process.exit(1)
}

/** Opens the log. A file that cannot be opened ends the process: later no line could say so. */
export function openLog({ logLevel, logFile }: Pick<Config, 'logLevel' | 'logFile'>, pretty: boolean): ProcessLog {
  try {
    return openProcessLog({ level: logLevel, pretty, file: logFile })
  } catch (error) {
    return exitWith([`PAPERCLIP_LOG_FILE: the file cannot be opened (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`])
  }
}

/** Collects traces where they are wanted, from before the database on. Their last spans are sent when all else has ended. */
export async function collectTraces({ traces }: Pick<Config, 'traces'>, lifecycle: ProcessLifecycle, log: Log): Promise<void> {
  if (traces === null) return
  const { openTraces } = await import('../observe/traces/index.ts')
  await lifecycle.startResource(
    () => openTraces(traces, { version, log }),
    async (opened) => await opened?.stop(),
  )
}

/** The work before a migration; null where the operator asks for none. */
export const upgradeBackupOf = (
  { backups, makesUpgradeBackup }: Pick<Config, 'backups' | 'makesUpgradeBackup'>,
  { owner, application }: DatabaseLogins,
  log: Log,
): BeforeMigration | null =>
  makesUpgradeBackup
    ? async (state) => {
        const { backUpBeforeMigration } = await import('./upgradeBackup.ts')
        await backUpBeforeMigration({ backups, version, connection: owner ?? application, log })(state)
      }
    : null
