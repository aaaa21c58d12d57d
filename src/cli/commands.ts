import type { Command } from './command.ts'
import { activityCommands } from './commands/activity.ts'
import { agentCommands } from './commands/agents.ts'
import { approvalCommands } from './commands/approvals.ts'
import { backupCommands } from './commands/backup.ts'
import { completionCommand } from './commands/completion.ts'
import { configCheckCommand, configSchemaCommand, configShowCommand } from './commands/config.ts'
import { startCommand } from './commands/start.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { importCommand } from './commands/import.ts'
import { issueCommands } from './commands/issues.ts'
import { lockCommands } from './commands/locks.ts'
import { restoreCommands } from './commands/restore.ts'
import { runCommands } from './commands/runs.ts'
import { secretCommands } from './commands/secrets.ts'
import { statusCommand } from './commands/status.ts'
import { supportBundleCommand } from './commands/supportBundle.ts'
import { tokenCommands } from './commands/token.ts'
import { userCommands } from './commands/user.ts'

/**
 * Every command, in the order of the help. A file in `commands/` exports the commands of one noun. The files are loaded for each command line, so they
 * import what is heavy inside `run`.
 */
export const commands: readonly Command[] = [
  startCommand,
  configShowCommand,
  configCheckCommand,
  configSchemaCommand,
  statusCommand,
  doctorCommand,
  ...lockCommands,
  ...runCommands,
  ...agentCommands,
  ...issueCommands,
  ...approvalCommands,
  ...activityCommands,
  ...tokenCommands,
  ...userCommands,
  ...secretCommands,
  // The data as a whole: backups, moves, reports.
  ...backupCommands,
  ...restoreCommands,
  supportBundleCommand,
  demoCommand,
  importCommand,
  completionCommand(() => commands),
]
