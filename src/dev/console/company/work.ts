// The work of the agents of the filled company: runs that hold, wait, fail and end.

import type { Requests, Row } from './requests.ts'
import { COMMENTS } from './texts.ts'

/** An agent that lives elsewhere, with requests by its key. */
export interface Agent {
  readonly id: string
  readonly name: string
  readonly by: Requests
}

/** A run of an agent, with requests by its token. */
export interface Run {
  readonly id: string
  readonly agent: Agent
  readonly by: Requests
}

/** Makes an agent with a key. */
export async function createAgent(
  board: Requests,
  companyId: string,
  fields: { readonly name: string } & Record<string, unknown>,
): Promise<Agent> {
  const { id } = await board.post(`/companies/${companyId}/agents`, fields)
  const { token } = await board.post(`/agents/${id}/keys`, { name: 'laptop' })
  return { id, name: fields.name, by: board.as(String(token)) }
}

/** Opens a run. */
export async function openRun(agent: Agent, leaseSeconds = 3600): Promise<Run> {
  const opened = await agent.by.post(`/agents/${agent.id}/runs`, { leaseSeconds })
  return { id: (opened['run'] as Row).id, agent, by: agent.by.as(String(opened['token'])) }
}

export const take = (run: Run, issueId: string): Promise<Row> =>
  run.by.post(`/issues/${issueId}/checkout`, { agentId: run.agent.id, expectedStatuses: ['todo', 'backlog', 'blocked'] })

const USAGE = { inputTokens: 18_400, outputTokens: 2_130, cachedInputTokens: 9_200, costUsd: 0.42 }

/** A run that took an issue, worked on it and ended. */
export async function finishedRun(agent: Agent, issueId: string, status: 'succeeded' | 'failed' | 'timed_out'): Promise<Run> {
  const run = await openRun(agent)
  await take(run, issueId)
  await run.by.post(`/issues/${issueId}/comments`, { body: COMMENTS[0] })
  await run.by.post(`/heartbeat-runs/${run.id}/finish`, {
    status,
    usageJson: USAGE,
    ...(status === 'succeeded'
      ? { resultJson: { summary: 'Six changes are written, and the migration is in the first line.' } }
      : { error: 'The mirror refused the connection three times.', errorCode: 'adapter_failed' }),
  })
  return run
}

/** A run that holds an issue and still lives. */
export async function liveHold(agent: Agent, issueId: string): Promise<Run> {
  const run = await openRun(agent)
  await take(run, issueId)
  await run.by.post(`/issues/${issueId}/comments`, { body: COMMENTS[0] })
  return run
}
