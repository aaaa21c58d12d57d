// Clients that take an issue and return it, one request after another, each on a connection of its own.

import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { send } from './serverProcess.ts'

/** A run that an agent opened. */
export interface OpenRun {
  readonly agentId: string
  readonly token: string
}

/** A client at work. */
export interface Load {
  /** Requests that were answered so far. */
  readonly done: () => number
  /** Ends the work. @returns how many requests got no answer, and the answers that were refusals */
  stop(): Promise<{ readonly lost: number; readonly refused: readonly string[] }>
}

interface Answer {
  readonly status: number
  readonly text: string
}

/** Opens runs of as many agents, in a company of their own, as the board of this machine. */
export async function openRuns(url: string, count: number): Promise<{ companyId: string; runs: OpenRun[] }> {
  const { id: companyId } = (await send(`${url}/api/companies`, 'POST', { name: 'Load' })).body as { id: string }
  const runs: OpenRun[] = []
  for (let at = 0; at < count; at += 1) {
    const { id: agentId } = (await send(`${url}/api/companies/${companyId}/agents`, 'POST', { name: `Agent ${at}`, role: 'engineer' }))
      .body as { id: string }
    const { token: key } = (await send(`${url}/api/agents/${agentId}/keys`, 'POST', { name: 'test' })).body as { token: string }
    const { token } = (await send(`${url}/api/agents/${agentId}/runs`, 'POST', { leaseSeconds: 300 }, key)).body as { token: string }
    runs.push({ agentId, token })
  }
  return { companyId, runs }
}

async function post(url: string, body: unknown, token: string): Promise<Answer> {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), authorization: `Bearer ${token}` }
  const asking = request(url, { method: 'POST', agent: false, headers })
  asking.end(text)
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return { status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }
}

/** Begins to take and return an issue that no other client takes. */
export async function takeAndReturn(url: string, companyId: string, { agentId, token }: OpenRun): Promise<Load> {
  const { id } = (await send(`${url}/api/companies/${companyId}/issues`, 'POST', { title: 'Take me', status: 'todo' })).body as {
    id: string
  }
  let isStopping = false
  let done = 0
  let lost = 0
  const refused: string[] = []
  const steps = [
    ['checkout', { agentId, expectedStatuses: ['todo', 'in_progress'] }],
    ['release', {}],
  ] as const
  const work = async (): Promise<void> => {
    while (!isStopping) {
      for (const [step, body] of steps) {
        const answer = await post(`${url}/api/issues/${id}/${step}`, body, token).catch(() => null)
        if (answer === null) lost += 1
        else if (answer.status >= 400) refused.push(`${step}: ${answer.status} ${answer.text}`)
        else done += 1
      }
    }
  }
  const working = work()
  return {
    done: () => done,
    async stop() {
      isStopping = true
      await working
      return { lost, refused }
    },
  }
}
