// Sentences about companies, projects, goals, labels, people and the instance.

import { because, by, codeIn, count, entity, enumerated, fieldWords, listIn, named, numberIn, passive, quoted } from './sentenceParts.ts'
import { recordIn, say, textIn } from './sentenceParts.ts'
import type { Part, SentenceMaker, SentenceRow } from './sentenceParts.ts'
import { rights } from './agentSentences.ts'

const person = (row: SentenceRow): Part => (row.entityId === 'unknown' ? 'a person without an account' : entity(row, 'person'))
const fields = (row: SentenceRow): string => enumerated(listIn(row, 'changedKeys').map(fieldWords)) || 'fields'
const from = (row: SentenceRow): readonly Part[] => (textIn(row, 'address') === null ? [] : say` from ${quoted(row, 'address')}`)
const ended = (row: SentenceRow): string => {
  const runs = listIn(row, 'endedRunIds').length
  return runs === 0 ? '' : `, which ended ${count(runs, 'run')}`
}
const content = (row: SentenceRow): string =>
  enumerated((['agent', 'issue', 'run'] as const).map((noun) => count(numberIn(row, `${noun}s`), noun)))
const joiner = (row: SentenceRow): string => (textIn(row, 'requestType') === 'agent' ? 'an agent' : 'a person')
const invited = (row: SentenceRow): string =>
  textIn(row, 'inviteType') === 'bootstrap_ceo'
    ? 'for the first administrator'
    : `for ${{ human: 'a person', agent: 'an agent' }[textIn(row, 'allowedJoinTypes') ?? ''] ?? 'a person or an agent'} (${codeIn(row, 'memberRole')})`

function roleChanged(row: SentenceRow): readonly Part[] {
  const role = textIn(row, 'membershipRole') ?? 'none'
  const before = recordIn(row, '_previous')
  const isRole = before['membershipRole'] !== (textIn(row, 'membershipRole') ?? null)
  return isRole
    ? say`changed the role of ${person(row)} to ${role} (${codeIn(row, 'status')})`
    : say`changed the membership of ${person(row)} to ${codeIn(row, 'status')} (${role})`
}

/** Of companies and what is in them. */
const ofCompanies: Readonly<Record<string, SentenceMaker>> = {
  'asset.created': by((row) => say`stored a file of ${count(numberIn(row, 'byteSize'), 'byte')} (${quoted(row, 'contentType')})`),
  'company.archived': by((row) => say`archived the company${ended(row)}${because(row)}`),
  'company.branding_updated': by((row) => say`changed the ${fields(row)} of the company's branding`),
  'company.created': by((row) => say`created the company ${quoted(row, 'name')}`),
  'company.deleted': by((row) => say`deleted the company ${quoted(row, 'name')} with ${content(row)}`),
  'company.deletion_begun': by((row) => say`began to delete the company ${quoted(row, 'name')} with ${content(row)}`),
  'company.imported': by(
    (row) =>
      say`imported ${enumerated((['agent', 'project', 'issue'] as const).map((noun) => count(numberIn(row, `${noun}s`), noun)))}, with ${count(numberIn(row, 'warnings'), 'warning')}`,
  ),
  'company.updated': by((row) => say`changed the ${fields(row)} of the company`),
  'deletion.rows_erased': passive((row) => {
    const rows = Object.values(recordIn(row, 'rows')).reduce((sum: number, value) => sum + (typeof value === 'number' ? value : 0), 0)
    const agent = named(row, 'agent', 'agentId')
    return say`${count(rows, 'row')} of ${agent.length === 0 ? ['the company'] : agent} were erased by its deletion`
  }),
  'goal.created': by((row) => say`created the goal ${entity(row, 'goal')}`),
  'goal.deleted': by((row) => say`deleted the goal ${entity(row, 'goal')}`),
  'goal.updated': by((row) => say`changed the ${fields(row)} of the goal ${entity(row, 'goal')}`),
  'inbox.dismissed': by(() => say`put an item out of the inbox`),
  'label.created': by((row) => say`created the label ${quoted(row, 'name')}`),
  'label.deleted': by((row) => say`deleted the label ${quoted(row, 'name')}, which ${count(numberIn(row, 'issues'), 'issue')} had`),
  'project.created': by((row) => say`created the project ${entity(row, 'project')}`),
  'project.deleted': by((row) => say`deleted the project ${entity(row, 'project')} with ${count(numberIn(row, 'issues'), 'issue')}`),
  'project.updated': by((row) => say`changed the ${fields(row)} of the project ${entity(row, 'project')}`),
  'project.workspace_created': by((row) => say`added the workspace ${quoted(row, 'name')} to a project`),
  'project.workspace_deleted': by((row) => say`deleted the workspace ${quoted(row, 'name')} of a project`),
  'project.workspace_updated': by((row) => say`changed the ${fields(row)} of the workspace ${quoted(row, 'name')}`),
  'retention.records_forgotten': passive(
    (row) =>
      say`${count(numberIn(row, 'runs'), 'finished run')} and ${count(numberIn(row, 'wakes'), 'wake')} were deleted at the end of their retention`,
  ),
}

const failedActs: Readonly<Record<string, string>> = {
  sign_in: 'to sign in',
  enable: 'to enable a second factor',
  confirm: 'to confirm an act',
  disable: 'to disable the second factor',
  recovery_codes: 'to renew the recovery codes',
}

/** Of people, invitations and the instance. */
const ofPeople: Readonly<Record<string, SentenceMaker>> = {
  'agent_api_key.claimed': passive((row) => say`${named(row, 'agent', 'agentId')} took its first key`),
  'audit.timeline_opened': passive(
    (row) =>
      say`The audit goes on with timeline ${numberIn(row, 'timeline')}, because the database was restored (${codeIn(row, 'cause')}); its witness: ${codeIn(row, 'witness')}`,
  ),
  'audit.witness_accepted': by((row) => say`accepted the record of the audit as it is${because(row)}`),
  'board.link_created': by(() => say`made a one-time link of the board`),
  'board_api_key.created': by((row) => say`made the key ${quoted(row, 'name')} of a command line`),
  'board_api_key.revoked': by((row) => say`revoked a key of a command line (${codeIn(row, 'reason')})`),
  'board_claim.claimed': passive(
    (row) =>
      say`${named(row, 'person', 'userId')} took the instance over, with ${count(numberIn(row, 'companies'), 'company', 'companies')}`,
  ),
  'board_claim.offered': by(() => say`offered the instance to its first administrator`),
  'cli_login.cancelled': by(() => say`cancelled the sign-in of a command line`),
  'cli_login.requested': passive((row) => say`The command line ${quoted(row, 'command')} asked to act as a person${from(row)}`),
  'instance.backup_failed': passive((row) => say`A backup failed: ${textIn(row, 'error') ?? 'the log of the server has the cause'}`),
  'instance.backup_made': passive((row) => say`A server made the backup ${quoted(row, 'file')}`),
  'instance.backup_removed': passive((row) => say`The backup ${quoted(row, 'file')} was deleted at the end of its retention`),
  'instance.backup_requested': by(() => say`asked for a backup`),
  'instance.restored': passive(
    (row) =>
      say`The instance was restored from a backup of ${textIn(row, 'takenAt') ?? 'an earlier time'}: its runs and ${count(listIn(row, 'revokedKeyIds').length, 'key')} of agents ended`,
  ),
  'instance.settings.experimental_updated': by((row) => say`changed the ${fields(row)} of the experimental settings`),
  'instance.settings.general_updated': by((row) => say`changed the ${fields(row)} of the settings of the instance`),
  'invite.bootstrap_accepted': passive((row) => say`${named(row, 'person', 'userId')} became the first administrator`),
  'invite.created': by((row) => say`made an invitation ${invited(row)}`),
  'invite.openclaw_prompt_created': by((row) => say`made a text that invites an agent, ${invited(row)}`),
  'invite.revoked': by(() => say`revoked an invitation`),
  'join.approved': by((row) => {
    const agent = named(row, 'agent', 'createdAgentId')
    return agent.length === 0 ? say`let ${joiner(row)} join` : say`let ${agent} join`
  }),
  'join.rejected': by((row) => say`refused the request of ${joiner(row)} to join`),
  'join.requested': passive((row) => say`${joiner(row) === 'an agent' ? 'An agent' : 'A person'} asked to join${from(row)}`),
  'person.access_changed': by((row) => {
    const [added, removed] = [listIn(row, 'added').length, listIn(row, 'removed').length]
    return say`changed the access of ${person(row)}: ${added} companies added, ${removed} removed`
  }),
  'person.created': passive((row) => say`The account of ${quoted(row, 'name')} was created`),
  'person.demoted': by((row) => say`took the administration of the instance from ${person(row)}`),
  'person.invited': passive((row) => say`${person(row)} made the account with an invitation`),
  'person.login_added': passive((row) => say`${person(row)} may sign in by ${quoted(row, 'provider')}`),
  'person.login_removed': passive((row) => say`${person(row)} may not sign in by ${quoted(row, 'provider')} any more`),
  'person.password_change_failed': passive((row) => say`${person(row)} could not change the password${from(row)}`),
  'person.password_changed': passive((row) => say`${person(row)} changed the password`),
  'person.password_reset': passive((row) => say`${person(row)} set a new password by a link`),
  'person.permissions_changed': by((row) => say`changed the grants of ${person(row)}: ${rights(row)}`),
  'person.promoted': by((row) => say`made ${person(row)} an administrator of the instance`),
  'person.provider_sign_in_failed': passive(
    (row) => say`A sign-in by ${quoted(row, 'issuer')} failed (${codeIn(row, 'reason')})${from(row)}`,
  ),
  'person.recovery_code_used': passive((row) => say`${person(row)} used a recovery code; ${numberIn(row, 'left')} are left`),
  'person.recovery_codes_renewed': passive((row) => say`${person(row)} renewed the recovery codes`),
  'person.reset_link_created': by((row) => say`made a link for a new password of ${person(row)}`),
  'person.role_changed': by(roleChanged),
  'person.second_factor_asked': passive((row) => say`${person(row)} was asked for the second factor${from(row)}`),
  'person.second_factor_begun': passive((row) => say`${person(row)} began to set up a second factor`),
  'person.second_factor_disabled': passive((row) => say`${person(row)} disabled the second factor`),
  'person.second_factor_enabled': passive((row) => say`${person(row)} enabled a second factor`),
  'person.second_factor_failed': passive(
    (row) =>
      say`${person(row)} failed ${failedActs[textIn(row, 'act') ?? ''] ?? codeIn(row, 'act')}: wrong ${codeIn(row, 'wrong')}${from(row)}`,
  ),
  'person.second_factor_removed': by((row) => say`removed the second factor of ${person(row)}`),
  'person.second_factor_resealed': passive((row) => say`The second factor of ${person(row)} was sealed with the new key`),
  'person.sessions_ended': passive(
    (row) => say`${count(listIn(row, 'sessionIds').length, 'session')} of ${person(row)} ended (${codeIn(row, 'reason')})`,
  ),
  'person.sign_in_failed': passive((row) => say`A sign-in of ${person(row)} failed${from(row)}`),
  'person.signed_in': passive((row) => say`${person(row)} signed in${from(row)}`),
}

/** By action. */
export const companySentences: Readonly<Record<string, SentenceMaker>> = { ...ofCompanies, ...ofPeople }
