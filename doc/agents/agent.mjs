#!/usr/bin/env node
// The same agent in JavaScript, without a package. What it writes to standard output is the log of its run.
import { setTimeout as sleep } from 'node:timers/promises'

const { PAPERCLIP_API_URL, PAPERCLIP_API_KEY, PAPERCLIP_RUN_ID, PAPERCLIP_TASK_ID } = process.env
const issuePath = `/api/issues/${PAPERCLIP_TASK_ID}`

async function call(method, path, body) {
  const headers = { authorization: `Bearer ${PAPERCLIP_API_KEY}`, 'content-type': 'application/json', 'idempotency-key': `${PAPERCLIP_RUN_ID}-${method}` }
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(PAPERCLIP_API_URL + path, { method, headers, body: JSON.stringify(body) })
    const json = await answer.json()
    if (answer.ok) return json
    if (attempt === 5 || ![429, 503].includes(answer.status)) throw new Error(`${json.code}: ${json.error} next: ${json.details?.next}`)
    await sleep(1000 * Number(answer.headers.get('retry-after') ?? 1))
  }
}

if (!PAPERCLIP_TASK_ID) process.exit(0) // It was woken for no issue.
const issue = await call('GET', issuePath)
if (issue.executionRunId === PAPERCLIP_RUN_ID) {
  const words = (issue.description ?? '').split(/\s+/).filter(Boolean).length
  await call('PATCH', issuePath, { status: 'done', comment: `The description has ${words} words.` })
} else await call('POST', `${issuePath}/comments`, { body: 'Assign an issue to me, and I count its words.' })
