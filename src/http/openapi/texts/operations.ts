import { backups } from './backupOperations.ts'
import { agents, approvals, runs } from './agentOperations.ts'
import { audit, companies, instance, packages, people, planning } from './companyOperations.ts'
import { budgets } from './budgetOperations.ts'
import { costs } from './costOperations.ts'
import { feedback, holds, inbox, issues, questions, results } from './issueOperations.ts'
import { secrets } from './secretOperations.ts'
import { skills } from './skillOperations.ts'
import { webhooks } from './webhookOperations.ts'
import { routines } from './routineOperations.ts'
import { workspaces } from './workspaceOperations.ts'
import type { OperationTexts } from './operation.ts'
import type { Tag } from './tags.ts'

/** Every operation under its tag. */
export const operationTexts: Readonly<Record<Tag, OperationTexts>> = {
  Instance: { ...instance, ...backups },
  People: people,
  Companies: companies,
  Agents: agents,
  Skills: skills,
  Planning: { ...planning, ...workspaces },
  Issues: issues,
  Holds: holds,
  Runs: runs,
  Results: results,
  Questions: questions,
  Approvals: approvals,
  Routines: routines,
  Inbox: inbox,
  Budgets: budgets,
  Costs: costs,
  Secrets: secrets,
  Webhooks: webhooks,
  Audit: audit,
  Feedback: feedback,
  Packages: packages,
}
