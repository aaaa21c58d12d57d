import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { adapterTypes } from '../model/adapterTypes.ts'
import type { AdapterType } from '../model/adapterTypes.ts'
import type { Job } from './adapter.ts'
import { answering, executable, httpAgent, startTestRun, temporaryFolder } from './testKit.ts'

const words = ['First', 'Second "quoted"', 'Third\nof two lines'].map((text, at) => ({ id: `w${at}`, kind: 'comment', text }))

/** A wake of each kind at once: comments that joined, a decided approval, linked issues. */
const facts = {
  wakeReason: 'approval_rejected',
  prompt: `The board rejected it.\n\n${words.map(({ text }) => text).join('\n\n')}`,
  wake: {
    commentId: 'w2',
    approvalId: 'approval-1',
    approvalStatus: 'rejected',
    linkedIssueIds: ['issue-1', 'issue-2'],
    payload: { approvalId: 'approval-1', note: 'in blue', joined: [{ commentId: 'w0' }, { commentId: 'w1' }, { commentId: 'w2' }] },
    words: { items: words },
  },
} as const satisfies Partial<Job>

const variables = {
  PAPERCLIP_WAKE_REASON: 'approval_rejected',
  PAPERCLIP_WAKE_COMMENT_ID: 'w2',
  PAPERCLIP_APPROVAL_ID: 'approval-1',
  PAPERCLIP_APPROVAL_STATUS: 'rejected',
  PAPERCLIP_LINKED_ISSUE_IDS: 'issue-1,issue-2',
}
const wake = { reason: 'approval_rejected', payload: facts.wake.payload, newWords: facts.wake.words }

interface Arrived {
  /** Variables of an environment, or fields that stand for them. */
  readonly values: Readonly<Record<string, string | undefined>>
  /** The text that the agent reads; null for a program that gets its environment only. */
  readonly prompt: string | null
}

/** Runs a program that writes down its environment, its arguments and its input. */
async function arrivedAtCommand(type: AdapterType): Promise<Arrived> {
  const folder = temporaryFolder()
  const command = executable(`env -0 > ${folder}/env; printf '%s\\n' "$@" > ${folder}/args; cat > ${folder}/input`)
  await startTestRun(type, { command }, facts).outcome
  const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8')
  const values = Object.fromEntries(
    read('env')
      .split('\0')
      .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  return { values, prompt: type === 'process' ? null : `${read('args')}\n${read('input')}` }
}

async function arrivedAtUrl(type: AdapterType): Promise<Arrived> {
  const { requests, port } = await httpAgent(answering({ status: 'completed' }))
  const options = { allowedAddresses: ['127.0.0.1'] }
  await startTestRun(type, { url: `http://127.0.0.1:${port}` }, facts, options).outcome
  const body = requests[0]?.body ?? {}
  if (type === 'openclaw_gateway') {
    const text = String(body['input'])
    const lines = text.split('\n').filter((line) => line.startsWith('PAPERCLIP_'))
    return {
      values: Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])),
      prompt: text,
    }
  }
  const { wakeReason, wakeCommentId, approvalId, approvalStatus, linkedIssueIds } = body as Record<string, string>
  const values = {
    PAPERCLIP_WAKE_REASON: wakeReason,
    PAPERCLIP_WAKE_COMMENT_ID: wakeCommentId,
    PAPERCLIP_APPROVAL_ID: approvalId,
    PAPERCLIP_APPROVAL_STATUS: approvalStatus,
    PAPERCLIP_LINKED_ISSUE_IDS: (linkedIssueIds as unknown as string[]).join(','),
  }
  return { values, prompt: String(body['prompt']) }
}

const isElsewhere = (type: AdapterType): boolean => type === 'http' || type === 'openclaw_gateway'

test('A template names what woke the agent', async () => {
  const folder = temporaryFolder()
  const command = executable(`cat > ${folder}/input`)
  const promptTemplate = '{{wakeReason}} {{wakeCommentId}} {{approvalId}} {{approvalStatus}} {{linkedIssueIds}}'
  await startTestRun('claude_local', { command, promptTemplate }, facts).outcome
  expect(readFileSync(path.join(folder, 'input'), 'utf8')).toMatch(/^approval_rejected w2 approval-1 rejected issue-1,issue-2\n/)
})

describe('The wake of a run arrives at the agent (K7, K18)', () => {
  test.each(adapterTypes)('An agent of the type %s gets all that woke it', async (type) => {
    const { values, prompt } = await (isElsewhere(type) ? arrivedAtUrl(type) : arrivedAtCommand(type))
    expect(values).toMatchObject(variables)
    // An agent elsewhere has the payload in its prompt and its context, which the runner makes for every adapter.
    if (!isElsewhere(type)) expect(JSON.parse(values['PAPERCLIP_WAKE_PAYLOAD_JSON'] ?? 'null')).toMatchObject(wake)
    if (prompt !== null) for (const { text } of words) expect(prompt).toContain(text)
  })
})
