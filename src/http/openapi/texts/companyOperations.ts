import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

export const instance: OperationTexts = {
  'GET /api/health': op('getHealth', 'Needs no credential. 503 means that the database does not answer.', 'Health'),
  'GET /api/whoami': op('getWhoami', 'Answers every caller, also one without a credential, who it is and why.', 'Caller'),
  'GET /api/cli-auth/me': op('getBoardIdentity', 'For command lines that act as a person.', 'BoardIdentity'),
  'POST /api/board/links': op(
    'createBoardLink',
    'Needs the token of the board as a bearer, in every mode. The link works once and sets the cookie of the board.',
    'BoardLink',
  ),
  'GET /api/instance/settings/general': op(
    'getGeneralSettings',
    'Settings that were never changed have their defaults.',
    'GeneralSettings',
  ),
  'PATCH /api/instance/settings/general': op('updateGeneralSettings', 'Fields that are left out stay.', 'GeneralSettings'),
  'GET /api/instance/prices': op(
    'getPrices',
    'They make a cost of tokens where a run reports no cost. Of the entries for a model that are not later than its use, one of the instance goes before one of the program, an exact name before a beginning with `*`, and then the newest counts. A model without an entry has no price: its tokens are counted at an unknown cost.',
    'Prices',
  ),
  'GET /api/instance/settings/experimental': op(
    'getExperimentalSettings',
    'Settings that were never changed have their defaults.',
    'ExperimentalSettings',
  ),
  'PATCH /api/instance/settings/experimental': op('updateExperimentalSettings', 'Fields that are left out stay.', 'ExperimentalSettings'),
  'GET /api/instance/scheduler-heartbeats': op(
    'listSchedulerTimers',
    'The timer of an agent is `runtimeConfig.heartbeat.intervalSec`.',
    'SchedulerTimer',
  ),
}

export const companies: OperationTexts = {
  'GET /api/companies': op('listCompanies', 'The board sees every company, an agent its own.', 'Company'),
  'POST /api/companies': op('createCompany', 'The prefix of its issues is made from the name.', 'Company'),
  'GET /api/companies/stats': op('getCompanyStats', 'A company with neither agents nor issues is left out.', 'CompanyStats'),
  'GET /api/companies/:companyId': op('getCompany', 'A company of others and one that does not exist give the same 404.', 'Company'),
  'PATCH /api/companies/:companyId': op('updateCompany', 'Fields that are left out stay.', 'Company'),
  'DELETE /api/companies/:companyId': op('deleteCompany', 'There is no way back. The audit rows of the company stay.', 'Ok'),
  'POST /api/companies/:companyId/archive': op('archiveCompany', 'Its runs end. Its agents read and do not write.', 'Company'),
  'PATCH /api/companies/:companyId/branding': op(
    'updateBranding',
    'Name, description, color and logo. At least one field is needed.',
    'Company',
  ),
  'GET /api/companies/:companyId/dashboard': op(
    'getDashboard',
    'Counts of agents and issues, costs of the month, and what waits for the board.',
    'Dashboard',
  ),
  'GET /api/companies/:companyId/sidebar-badges': op('getSidebarBadges', 'Counts for the person who asks.', 'SidebarBadges'),
}

export const planning: OperationTexts = {
  'GET /api/companies/:companyId/goals': op('listGoals', 'Goals form a tree by `parentId`.', 'Goal'),
  'POST /api/companies/:companyId/goals': op('createGoal', 'The level defaults to `task`, the status to `planned`.', 'Goal'),
  'GET /api/goals/:id': op('getGoal', 'A goal of another company is 404.', 'Goal'),
  'PATCH /api/goals/:id': op('updateGoal', 'Fields that are left out stay. A goal cannot become its own ancestor.', 'Goal'),
  'DELETE /api/goals/:id': op('deleteGoal', 'The answer is the goal as it was.', 'Goal'),
  'GET /api/companies/:companyId/projects': op('listProjects', 'Projects are listed with their goals and workspaces.', 'Project'),
  'POST /api/companies/:companyId/projects': op(
    'createProject',
    'A `workspace` in the body is created with it. An agent may send no field that this host would run or open.',
    'Project',
  ),
  'GET /api/projects/:id': op('getProject', 'A project is named by its id, or by its short name in a company.', 'Project'),
  'PATCH /api/projects/:id': op('updateProject', 'Fields that are left out stay.', 'Project'),
  'DELETE /api/projects/:id': op('deleteProject', 'The answer is the project as it was.', 'Project'),
  'GET /api/projects/:id/workspaces': op(
    'listWorkspaces',
    'A workspace is a folder or a repository in which the work of a project runs.',
    'Workspace',
  ),
  'POST /api/projects/:id/workspaces': op('createWorkspace', 'Needs at least one of `cwd` and `repoUrl`.', 'Workspace'),
  'PATCH /api/projects/:id/workspaces/:workspaceId': op('updateWorkspace', 'Fields that are left out stay.', 'Workspace'),
  'DELETE /api/projects/:id/workspaces/:workspaceId': op(
    'deleteWorkspace',
    'The answer is the workspace as it was. No file is deleted.',
    'Workspace',
  ),
  'GET /api/companies/:companyId/labels': op('listLabels', 'Labels are sorted by name.', 'Label'),
  'POST /api/companies/:companyId/labels': op('createLabel', 'The name is unique in the company.', 'Label'),
  'DELETE /api/labels/:labelId': op('deleteLabel', 'The answer is the label as it was.', 'Label'),
}

export const packages: OperationTexts = {
  'POST /api/companies/:companyId/export': op(
    'exportCompany',
    'The package is text: one file for the company and one for each agent, project and issue. Secrets are left out.',
    'CompanyPackage',
  ),
  'POST /api/companies/:companyId/exports': op(
    'exportCompanyAsCeo',
    'The same as `exportCompany`, for the CEO of the company.',
    'CompanyPackage',
    'ExportCompanyRequest',
  ),
  'POST /api/companies/:companyId/exports/preview': op(
    'previewExport',
    'The package with an inventory of its files, and counts.',
    'CompanyPackagePreview',
    'ExportCompanyRequest',
  ),
  'POST /api/companies/import/preview': op(
    'previewCompanyImport',
    'Says what an import would create, change and skip. Nothing is written.',
    'ImportPreview',
    'ImportPackageRequest',
  ),
  'POST /api/companies/import': op('importCompany', 'All of it is one transaction.', 'ImportResult', 'ImportPackageRequest'),
  'POST /api/companies/:companyId/imports/preview': op(
    'previewImport',
    'Says what an import would create and skip. Nothing is written.',
    'ImportPreview',
    'ImportPackageRequest',
  ),
  'POST /api/companies/:companyId/imports/apply': op(
    'applyImport',
    'Adds rows and changes none that exist. All of it is one transaction.',
    'ImportResult',
    'ImportPackageRequest',
  ),
}

export const audit: OperationTexts = {
  'GET /api/companies/:companyId/activity': op('listActivity', '`interventions=true` shows what the board forced or overrode.', 'Activity'),
  'GET /api/issues/:id/activity': op('listIssueActivity', 'Audit rows about the issue and what belongs to it.', 'Activity'),
  'GET /api/companies/:companyId/events/stream': op(
    'streamEvents',
    'Each event has an `id`, which is a cursor, and one line of JSON. `Last-Event-ID` or `after` continues behind an event, on any server and after any restart.',
    'StreamedEvent',
  ),
  'GET /api/companies/:companyId/activity/verify': op(
    'verifyAuditChain',
    'Computes the hashes again, for the whole chain or for a range of positions.',
    'AuditVerification',
  ),
  'POST /api/instance/audit/accept-witness': op(
    'acceptAuditWitness',
    'Needs the token of the board. The present ends of all chains are recorded anew; heads and problems of before count no longer. For a restored database, after a look at what `verify` says.',
    'AuditAcceptance',
  ),
  'GET /api/companies/:companyId/activity/export': op(
    'exportAuditChain',
    'One line of JSON per row; the last line has the signed head.',
    'AuditExportLine',
  ),
  'GET /api/instance/activity': op(
    'listInstanceActivity',
    'What happens above the companies: settings, links of the board, restored databases. Administrators only.',
    'Activity',
  ),
  'GET /api/instance/activity/verify': op('verifyInstanceChain', 'As for a company, over the chain of the instance.', 'AuditVerification'),
  'GET /api/instance/activity/export': op(
    'exportInstanceChain',
    'As for a company: one line of JSON per row; the last line has the signed head.',
    'AuditExportLine',
  ),
}

export const people: OperationTexts = {
  'POST /api/auth/sign-up/email': op(
    'signUp',
    'The answer sets the cookie of a session. Where an operator has disabled it an account is made only with an `invitation`, which makes one and is accepted after it. Ten accounts in an hour from one address.',
    'SignedInPerson',
  ),
  'POST /api/auth/sign-in/email': op(
    'signIn',
    'The answer sets the cookie of a session, which lasts a week, or asks for a code: then it sets the cookie of the question. A wrong password and an unknown account get the same answer; attempts are limited by account and by address.',
    'SignInAnswer',
  ),
  'POST /api/auth/sign-out': op('signOut', 'Ends the session of the cookie at once, and takes the cookie away.', 'EndedSessions'),
  'GET /api/auth/get-session': op(
    'getSession',
    'Whose session it is. The board of this machine and the holder of its token get the user `local-board`.',
    'CallerSession',
  ),
  'GET /api/auth/list-sessions': op('listSessions', 'The browsers in which the caller is signed in, newest first.', 'Session'),
  'POST /api/auth/revoke-session': op('revokeSession', 'Ends one session of the caller at once, by its id.', 'EndedSessions'),
  'POST /api/auth/revoke-sessions': op('revokeSessions', 'Ends every session of the caller, this one as well.', 'EndedSessions'),
  'POST /api/auth/revoke-other-sessions': op('revokeOtherSessions', 'Ends every session of the caller but this one.', 'EndedSessions'),
  'POST /api/auth/change-password': op(
    'changePassword',
    'Needs the present password. Other sessions end unless `revokeOtherSessions` is false.',
    'ChangedPassword',
  ),
  'GET /api/auth/two-factor': op('getSecondFactor', 'Needs a session. It shows no secret and no code.', 'SecondFactor'),
  'POST /api/auth/two-factor/enable': op(
    'enableSecondFactor',
    'Needs the password. Nothing changes before the first code of the app (`verify-totp`), within an hour. The secret and the recovery codes are in no other answer.',
    'BegunSecondFactor',
  ),
  'POST /api/auth/two-factor/verify-totp': op(
    'verifyTotpCode',
    'In a session with a new app: turns the second factor on, and ends the other sessions. Else it needs the cookie of the question, and sets that of a session. A code is accepted once, and no answer is kept for a repeat. Five tries in a quarter of an hour, twenty a day.',
    'SignedInPerson',
    'SecondFactorCode',
  ),
  'POST /api/auth/two-factor/verify-backup-code': op(
    'verifyBackupCode',
    'Needs the cookie of the question, and sets that of a session. The code ends. The limits are those of `verify-totp`.',
    'SignedInPerson',
    'SecondFactorCode',
  ),
  'POST /api/auth/two-factor/disable': op(
    'disableSecondFactor',
    'Needs the password and a code of the app, or a recovery code. The other sessions end.',
    'RemovedSecondFactor',
    'SecondFactorProof',
  ),
  'POST /api/auth/two-factor/generate-backup-codes': op(
    'generateBackupCodes',
    'Needs the password and a code of the app, or a recovery code. The codes of before end.',
    'NewBackupCodes',
    'SecondFactorProof',
  ),
  'POST /api/admin/users/:userId/remove-second-factor': op(
    'removeSecondFactor',
    'Needs the token of the board. For a person who has lost the app and the recovery codes. All of its sessions end.',
    'EndedSessions',
  ),
  'GET /api/admin/users': op('listPeople', 'Everybody who has an account, oldest first. Administrators of the instance only.', 'Account'),
  'POST /api/admin/users/:userId/promote-instance-admin': op(
    'promoteAdministrator',
    'An administrator may do everything in every company. A repeat finds it done.',
    'Administrator',
  ),
  'POST /api/admin/users/:userId/demote-instance-admin': op(
    'demoteAdministrator',
    'Takes effect at once. The last administrator cannot go.',
    'Administrator',
  ),
  'GET /api/admin/users/:userId/company-access': op(
    'getCompanyAccess',
    'The memberships of a person, with its role in each company.',
    'Membership',
  ),
  'PUT /api/admin/users/:userId/company-access': op(
    'setCompanyAccess',
    'The full set: memberships of other companies end, new ones begin as `operator`, and those that stay keep their role. The last owner of a company cannot go.',
    'Membership',
    'CompanyAccessRequest',
  ),
  'GET /api/companies/:companyId/members': op(
    'listMembers',
    'People with their mail addresses and roles, and agents, oldest first.',
    'Member',
  ),
  'PATCH /api/companies/:companyId/members/:memberId': op(
    'updateMember',
    'Takes effect at once. No person gives or takes more than its own role has, and the last owner cannot go.',
    'Member',
  ),
  'PATCH /api/companies/:companyId/members/:memberId/permissions': op(
    'setMemberPermissions',
    'The full set of what the member may do beyond its role. An agent is granted `users:invite` and `joins:approve` here, and nothing else.',
    'Member',
  ),
  'POST /api/companies/:companyId/invites': op(
    'createInvite',
    'For three days, and for one who accepts. Only this answer has the token. An agent needs the grant `users:invite`, and invites people as `viewer` only.',
    'CreatedInvite',
  ),
  'POST /api/companies/:companyId/openclaw/invite-prompt': op(
    'createInvitePrompt',
    'As an invitation for agents only; a CEO may ask for it, too.',
    'CreatedInvite',
  ),
  'GET /api/invites/:token': op('getInvite', 'One that is used, revoked or over is not found.', 'PublicInvite'),
  'GET /api/invites/:token/onboarding': op('getOnboarding', 'The endpoints and the steps, as data.', 'Onboarding'),
  'GET /api/invites/:token/onboarding.txt': op('getOnboardingText', 'The same for an agent to read.', 'OnboardingText'),
  'GET /api/invites/:token/test-resolution': op(
    'testResolution',
    'Only public addresses are tried, without following redirects, twenty times in ten minutes.',
    'Resolution',
  ),
  'POST /api/invites/:token/accept': op(
    'acceptInvite',
    'A person has to be signed in, and gets its request again when it repeats. An agent gets a secret with which it takes its key when a person has let it in.',
    'AcceptedInvite',
  ),
  'POST /api/invites/:inviteId/revoke': op(
    'revokeInvite',
    'It can no longer be accepted. A repeat finds it done. An agent revokes those that it made itself.',
    'Invite',
  ),
  'GET /api/companies/:companyId/join-requests': op(
    'listJoinRequests',
    'People and agents that asked to join, newest first. An agent with the grant `joins:approve` sees agents only.',
    'JoinRequest',
  ),
  'POST /api/companies/:companyId/join-requests/:requestId/approve': op(
    'approveJoinRequest',
    'A person becomes a member with the role of its invitation. An agent is made below the CEO, without any command that it asked for. An agent with the grant `joins:approve` decides about agents only, and not in a company whose board approves new agents.',
    'JoinRequest',
  ),
  'POST /api/companies/:companyId/join-requests/:requestId/reject': op('rejectJoinRequest', 'It stays rejected.', 'JoinRequest'),
  'POST /api/join-requests/:requestId/claim-api-key': op(
    'claimApiKey',
    'With the secret of the request, once, within seven days.',
    'ClaimedKey',
  ),
  'POST /api/cli-auth/challenges': op(
    'createCliLogin',
    'The key of the answer does nothing before a person approves the login in a browser, within ten minutes.',
    'CliLogin',
  ),
  'GET /api/cli-auth/challenges/:id': op(
    'getCliLogin',
    'Needs the secret of the login as `token`. A command line polls it.',
    'CliLoginState',
  ),
  'POST /api/cli-auth/challenges/:id/approve': op(
    'approveCliLogin',
    'For thirty days. The board by its account alone needs its token. A repeat has the same result.',
    'CliLoginApproval',
    'CliLoginSecret',
  ),
  'POST /api/cli-auth/challenges/:id/cancel': op('cancelCliLogin', 'For who has its secret.', 'CliLoginCancellation', 'CliLoginSecret'),
  'POST /api/cli-auth/revoke-current': op('revokeCurrentKey', 'Needs the key itself as bearer.', 'KeyRevocation'),
  'GET /api/board-claim/:token': op(
    'getBoardClaim',
    'The token and the code are those of the URL that a server prints at its start while the instance has no administrator. Another code is not found.',
    'BoardClaim',
  ),
  'POST /api/board-claim/:token/claim': op(
    'claimInstance',
    'Needs a session. It works once, within a day, and while the instance has no administrator. The command lines that were let in as the local board end. A repeat by the same person has the same result.',
    'ClaimedInstance',
  ),
  'POST /api/instance/bootstrap-invites': op(
    'createBootstrapInvite',
    'Needs the token of the board. Its acceptor is an administrator of the instance; earlier ones end.',
    'BootstrapInvite',
  ),
  'POST /api/admin/users/:userId/reset-links': op(
    'createResetLink',
    'Needs the token of the board. It works once, within an hour, and a link of before ends.',
    'ResetLink',
  ),
  'POST /api/auth/reset-password': op('resetPassword', 'Needs the token of a link. Every session of the person ends.', 'ResetPassword'),
}
