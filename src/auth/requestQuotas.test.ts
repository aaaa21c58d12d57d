import { describe, expect, test } from 'vitest'
import type { AgentActor } from '../platform/kernel/actor.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import type { Quota } from '../platform/kernel/quotas.ts'
import { agentActor } from '../dev/testing/actors.ts'
import { createRequestQuotas } from './requestQuotas.ts'

const quota: Quota = { openRuns: 1, wakesPerHour: 1, requestsPerSecond: 2, requestBurst: 10, bytesPerHour: 3600 }
const company: Quota = { ...quota, requestsPerSecond: 10, requestBurst: 15, bytesPerHour: 5000 }

const agent = (agentId: string, companyId = 'company'): AgentActor => agentActor(agentId, companyId, { keyId: 'key' })

const board = {
  kind: 'board',
  userId: 'a',
  isAdmin: true,
  via: 'ambient',
  uid: null,
  companies: null,
  grants: new Map(),
  role: 'owner',
  session: null,
} as const

function arrange() {
  let nowMs = 1000
  const quotas = createRequestQuotas({ agent: quota, company }, () => nowMs)
  const taken = (actor: AgentActor, times: number): number => {
    let count = 0
    for (let at = 0; at < times; at += 1) {
      try {
        quotas.takeRequest(actor)
        count += 1
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal)
      }
    }
    return count
  }
  return { quotas, taken, pass: (ms: number) => void (nowMs += ms) }
}

const refusalOf = (act: () => unknown): Refusal => {
  try {
    act()
  } catch (error) {
    return error as Refusal
  }
  throw new Error('nothing was refused')
}

describe('requests', () => {
  test('An agent makes a burst at once, and then as many requests as its rate gives back', () => {
    const { taken, pass } = arrange()
    expect(taken(agent('a'), 50)).toBe(10)
    pass(499)
    expect(taken(agent('a'), 50)).toBe(0)
    pass(1)
    expect(taken(agent('a'), 50)).toBe(1)
    pass(3_600_000)
    expect(taken(agent('a'), 50)).toBe(10)
  })

  test('The agents of a company share its burst, and another company has its own', () => {
    const { taken, quotas } = arrange()
    expect([taken(agent('a'), 10), taken(agent('b'), 10), taken(agent('c', 'other'), 10)]).toEqual([10, 5, 10])
    expect(refusalOf(() => quotas.takeRequest(agent('b'))).details).toMatchObject({ quota: 'requests', scope: 'company', limit: 15 })
  })

  test('A refusal says when to come again, in the headers of the draft', () => {
    const { taken, quotas } = arrange()
    taken(agent('a'), 10)
    expect(refusalOf(() => quotas.takeRequest(agent('a')))).toMatchObject({
      code: 'quota_exceeded',
      status: 429,
      retryAfter: 1,
      headers: { 'RateLimit-Policy': '"requests";q=10;w=5', RateLimit: '"requests";r=0;t=1' },
      details: { quota: 'requests', scope: 'agent', limit: 10, windowSeconds: 5, retryable: true, next: 'wait' },
    })
  })

  test('An answer says what is left only when a fifth of the burst or less is left', () => {
    const { quotas } = arrange()
    const remaining = Array.from({ length: 10 }, () => quotas.takeRequest(agent('a'))?.['RateLimit'] ?? null)
    expect(remaining).toEqual([...Array.from({ length: 8 }, () => null), '"requests";r=1;t=5', '"requests";r=0;t=5'])
  })

  test('People and the server itself are not limited', () => {
    const { quotas } = arrange()
    for (let at = 0; at < 100; at += 1) {
      for (const actor of [{ kind: 'system', task: 'timer' }, board] as const) {
        expect(quotas.takeRequest(actor)).toBeNull()
        quotas.takeBytes(actor, 1e9)
      }
    }
  })
})

test('The bytes of an hour are refused beyond the quota, and come back by the second', () => {
  const { quotas, pass } = arrange()
  quotas.takeBytes(agent('a'), 3600)
  expect(refusalOf(() => quotas.takeBytes(agent('a'), 10))).toMatchObject({
    retryAfter: 10,
    details: { quota: 'bytes', scope: 'agent', limit: 3600, windowSeconds: 3600 },
  })
  expect(refusalOf(() => quotas.takeBytes(agent('b'), 2000)).details).toMatchObject({ quota: 'bytes', scope: 'company' })
  pass(10_000)
  quotas.takeBytes(agent('a'), 10)
})
