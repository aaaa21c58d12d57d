// An agent in plain JavaScript. It takes one issue, solves it, and says so.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

/** How often a request is sent again when the connection is lost or the server is busy, and how long the agent waits between. */
const ATTEMPTS = 20
const RETRY_MS = 100

/** The run of this agent has ended: its lease is over, or a person stopped it. */
export class RunEnded extends Error {}

/**
 * Sends a request until it is answered. Each attempt has the same key, so that the server does the work once, also when it died after the work
 * and before the answer.
 */
async function send({ url, token, attempts = ATTEMPTS }, method, path, body) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': randomUUID() }
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url + path, { method, headers, body: JSON.stringify(body ?? {}) })
      const text = await response.text()
      if (response.status === 503 && attempt < attempts) throw new TypeError('the server is busy')
      if (response.status === 401 || response.status === 409) throw new RunEnded(text)
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      return text === '' ? null : JSON.parse(text)
    } catch (error) {
      // `fetch` throws a TypeError when the connection is lost.
      if (!(error instanceof TypeError) || attempt === attempts) throw error
      await sleep(RETRY_MS)
    }
  }
}

/**
 * Works on one issue.
 * @param agent `{ url, companyId, agentId, key }`
 * @param solve gets the issue and `stillMine`, which renews the lease, and returns the text of the answer
 * @returns `solved`, `idle` when there is nothing to do, or `lost` when the run ended in the middle
 */
export async function workOnce({ url, companyId, agentId, key }, solve) {
  const { run, token } = await send({ url, token: key }, 'POST', `/api/agents/${agentId}/runs`)
  const me = { url, token }
  // A heartbeat that is lost is not sent again: the next one says the same.
  const stillMine = async () => {
    await send({ ...me, attempts: 1 }, 'POST', `/api/heartbeat-runs/${run.id}/heartbeat`).catch((error) => {
      if (!(error instanceof TypeError)) throw error
    })
  }
  try {
    const claimed = await send(me, 'POST', `/api/companies/${companyId}/issues/claim`)
    if (claimed !== null) {
      const answer = await solve(claimed.issue, stillMine)
      await send(me, 'POST', `/api/issues/${claimed.issue.id}/comments`, { body: answer })
      await send(me, 'PATCH', `/api/issues/${claimed.issue.id}`, { status: 'done' })
    }
    await send(me, 'POST', `/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    return claimed === null ? 'idle' : 'solved'
  } catch (error) {
    if (error instanceof RunEnded) return 'lost'
    throw error
  }
}
