import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

export const agents: OperationTexts = {
  'GET /api/companies/:companyId/agents': op(
    'listAgents',
    'Settings of other agents are hidden from agents that may not see them.',
    'Agent',
  ),
  'POST /api/companies/:companyId/agents': op('createAgent', 'For the board. An agent is hired with `hireAgent`.', 'Agent'),
  'POST /api/companies/:companyId/agent-hires': op(
    'hireAgent',
    'The agent is `pending_approval`, with an approval, when the company requires one or when an agent sent a field that this host would run or open. Until the decision it has no keys, no runs and no work.',
    'HiredAgent',
  ),
  'GET /api/agents/me': op('getMe', 'For an agent: its own row, with the chain of its managers.', 'AgentDetail'),
  'GET /api/agents/:id': op('getAgent', 'An agent is named by its id, or by its short name in a company.', 'AgentDetail'),
  'PATCH /api/agents/:id': op(
    'updateAgent',
    'Fields that are left out stay. An agent that names a field which gives power, or which decides what this host runs, gets 202 with the unchanged agent and the approval that waits.',
    'ConfiguredAgent',
  ),
  'DELETE /api/agents/:id': op('deleteAgent', 'Ends its runs first. Its audit rows stay.', 'Ok'),
  'POST /api/agents/:id/pause': op(
    'pauseAgent',
    'Its live runs end as `cancelled` and give back what they hold. A paused agent reads and does not write.',
    'Agent',
  ),
  'POST /api/agents/:id/resume': op(
    'resumeAgent',
    'Wakes it once for each issue in `todo` or `in_progress` without holder or wake, and for each other open issue that was commented on meanwhile.',
    'Agent',
  ),
  'POST /api/agents/:id/terminate': op('terminateAgent', 'Its runs end and its keys are revoked. There is no way back.', 'Agent'),
  'GET /api/agents/:id/quarantine': op(
    'getQuarantineReport',
    'The last quarantine, and what the agent changed, ran and asked for in the last `hours`.',
    'QuarantineReport',
  ),
  'POST /api/agents/:id/quarantine': op(
    'quarantineAgent',
    'Ends its runs, keys, waiting wakes and streams in one transaction. Until its release a resume and a new key are refused.',
    'Agent',
  ),
  'DELETE /api/agents/:id/quarantine': op(
    'releaseAgentFromQuarantine',
    'Brings nothing back: the agent stays paused and needs a new key.',
    'Agent',
  ),
  'GET /api/agents/:id/keys': op('listAgentKeys', 'Revoked keys are listed too.', 'AgentKey'),
  'POST /api/agents/:id/keys': op('createAgentKey', 'Keep the token: no other answer contains it.', 'CreatedAgentKey'),
  'DELETE /api/agents/:id/keys/:keyId': op('revokeAgentKey', 'Takes effect at once on this server, and within a second on others.', 'Ok'),
  'PATCH /api/agents/:id/permissions': op(
    'updateAgentPermissions',
    'An agent can only propose to grant a permission: 202 with the approval that waits.',
    'PermittedAgent',
  ),
  'GET /api/companies/:companyId/agent-configurations': op(
    'listAgentConfigurations',
    'Values that look secret are redacted.',
    'AgentConfiguration',
  ),
  'GET /api/agents/:id/configuration': op(
    'getAgentConfiguration',
    'A redacted value that is sent back in `updateAgent` keeps what is stored.',
    'AgentConfiguration',
  ),
  'GET /api/agents/:id/config-revisions': op(
    'listConfigurationRevisions',
    'Each revision has the configuration before and after the change.',
    'ConfigurationRevision',
  ),
  'GET /api/agents/:id/config-revisions/:revisionId': op(
    'getConfigurationRevision',
    'A revision of another agent is 404.',
    'ConfigurationRevision',
  ),
  'POST /api/agents/:id/config-revisions/:revisionId/rollback': op(
    'rollBackConfiguration',
    'Applies the configuration after that revision as a new revision. By an agent it is a proposal: 202 with the approval that waits.',
    'ConfiguredAgent',
  ),
  'GET /api/agents/:id/runtime-state': op(
    'getRuntimeState',
    'The session, the last run, the totals of tokens and costs, and the wakes that were skipped.',
    'RuntimeState',
  ),
  'POST /api/agents/:id/runtime-state/reset-session': op(
    'resetSession',
    'The next run starts a new session. Without `taskKey` the sessions of all tasks are deleted.',
    'ResetRuntimeState',
  ),
  'GET /api/agents/:id/task-sessions': op(
    'listTaskSessions',
    'The session of a task is deleted with `resetSession` by its `taskKey`.',
    'TaskSession',
  ),
  'POST /api/agents/:id/claude-login': op(
    'explainClaudeLogin',
    'For clients of Paperclip’s API: nothing is started; `stderr` says what a person can do.',
    'LoginHint',
  ),
  'GET /api/companies/:companyId/org': op('getOrganization', 'The tree of who reports to whom.', 'OrgNode'),
  'GET /api/companies/:companyId/org.png': op(
    'drawOrganizationAsPng',
    'Of more than 100 agents the rows nearest to the roots are drawn. Two pictures are drawn at once and sixteen wait; beyond that 503 `busy`.',
  ),
  'GET /api/companies/:companyId/org.svg': op('drawOrganization', 'Of more than 2,000 agents the rows nearest to the roots are drawn.'),
  'GET /api/companies/:companyId/adapters/:type/models': op('listAdapterModels', 'For clients of Paperclip’s API.', 'AdapterModel'),
  'GET /api/companies/:companyId/adapters/:type/detect-model': op('detectAdapterModel', 'For clients of Paperclip’s API.', 'DetectedModel'),
  'POST /api/companies/:companyId/adapters/:type/test-environment': op(
    'testAdapterEnvironment',
    'Executes, reads and connects to nothing. Only for the board the server looks up what the configuration names.',
    'AdapterTest',
  ),
}

export const runs: OperationTexts = {
  'POST /api/agents/:id/wakeup': op(
    'wakeAgent',
    'Answers with the run that covers the request: one that exists for the same issue or task, or a new one. A skipped request says why.',
    'WokenRun',
  ),
  'POST /api/agents/:id/heartbeat/invoke': op(
    'invokeAgent',
    'The same as `wakeAgent` without an issue, for a person who wants the agent to look around.',
    'WokenRun',
  ),
  'POST /api/agents/:id/runs': op(
    'openRun',
    'For an agent that lives elsewhere. A run of the agent that waits in the queue for that issue is started; otherwise a new run is opened. The token acts as the agent in this run.',
    'OpenedRun',
  ),
  'POST /api/heartbeat-runs/:runId/heartbeat': op(
    'sendHeartbeat',
    'Renews the lease. A `drop_issue` command names an issue whose hold an administrator revoked: stop working on it.',
    'RunHeartbeat',
  ),
  'POST /api/heartbeat-runs/:runId/finish': op(
    'finishRun',
    'The same outcome again gets the same answer; another one is 409 `run_outcome_fixed`.',
    'Run',
  ),
  'POST /api/heartbeat-runs/:runId/cancel': op('cancelRun', 'A run that has ended is left as it is.', 'Run'),
  'GET /api/heartbeat-runs/:runId': op('getRun', 'The output is read with `readRunLog`.', 'Run'),
  'GET /api/companies/:companyId/heartbeat-runs': op('listRuns', 'With `agentId` the runs of one agent.', 'Run'),
  'GET /api/companies/:companyId/live-runs': op('listLiveRuns', 'Ended runs fill the list up to `minCount`.', 'LiveRun'),
  'GET /api/heartbeat-runs/:runId/events': op('listRunEvents', 'With `afterSeq` only later events.', 'RunEvent'),
  'GET /api/heartbeat-runs/:runId/log': op(
    'readRunLog',
    'Lines of JSON from `offset` on. `nextOffset` is present while more bytes follow. With `follow=true` the answer stays open and sends each piece as an event whose id is the offset behind it, until an event `ended` has the status of the run; 204 when nothing is left to read.',
    'RunLog',
  ),
  'GET /api/heartbeat-runs/:runId/issues': op('listRunIssues', 'Issues that the run was for, held, or changed.', 'RunIssue'),
  'GET /api/issues/:id/runs': op('listIssueRuns', 'Live and ended runs, with what they used and answered.', 'IssueRun'),
  'GET /api/issues/:issueId/live-runs': op('listIssueLiveRuns', 'Runs of the issue that are queued or running.', 'IssueLiveRun'),
  'GET /api/issues/:issueId/active-run': op('getActiveRun', 'The answer is null when no run is active.', 'ActiveRun'),
}

export const approvals: OperationTexts = {
  'GET /api/companies/:companyId/approvals': op('listApprovals', 'Reading a list does not count as reading an approval.', 'Approval'),
  'POST /api/companies/:companyId/approvals': op(
    'requestApproval',
    'The payload is validated by its type. Linked issues show the approval.',
    'ApprovalDetail',
  ),
  'GET /api/approvals/:id': op(
    'getApproval',
    'The board also sees the resulting configuration, warnings, and the `payloadHash` that a decision may name.',
    'ApprovalDetail',
  ),
  'POST /api/agents/:id/approve': op(
    'approveHireOfAgent',
    'The decision is that on the approval of the hire. Approved again it is 200 without a second effect; an agent without a hire is 422 `approval_decided`.',
    'Agent',
    'DecisionRequest',
  ),
  'POST /api/approvals/:id/approve': op(
    'approveApproval',
    'The effect commits with the decision. Approved again it is 200 without a second effect. An approval that changed since it was read is 409 `approval_changed`.',
    'ApprovalDetail',
    'DecisionRequest',
  ),
  'POST /api/approvals/:id/reject': op(
    'rejectApproval',
    'Rejected again it is 200 without a second effect.',
    'ApprovalDetail',
    'DecisionRequest',
  ),
  'POST /api/approvals/:id/request-revision': op(
    'requestApprovalRevision',
    'The requester may change the payload and resubmit it.',
    'ApprovalDetail',
    'DecisionRequest',
  ),
  'POST /api/approvals/:id/resubmit': op(
    'resubmitApproval',
    'Only its requester can. Without a `payload` the old one stays.',
    'ApprovalDetail',
  ),
  'GET /api/approvals/:id/issues': op('listApprovalIssues', 'Issues are shown without their holds.', 'LinkedIssue'),
  'GET /api/approvals/:id/comments': op('listApprovalComments', 'Comments are sorted by time.', 'ApprovalComment'),
  'POST /api/approvals/:id/comments': op('addApprovalComment', 'A decided approval can be commented on too.', 'ApprovalComment'),
  'GET /api/issues/:id/approvals': op('listIssueApprovals', 'Approvals of every status are listed.', 'Approval'),
  'POST /api/issues/:id/approvals': op('linkApproval', 'Answers with all approvals that the issue is linked to.', 'Approval'),
  'DELETE /api/issues/:id/approvals/:approvalId': op('unlinkApproval', 'The approval itself stays.', 'Ok'),
}
