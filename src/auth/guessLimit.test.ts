import { beforeAll, describe, expect, test } from 'vitest'
import { useServer, world } from '../dev/testing/world.ts'
import type { TestAgent, World } from '../dev/testing/world.ts'
import { Refusal } from '../platform/kernel/errors.ts'
import { createGuessLimit } from './guessLimit.ts'
import { generateAgentKey } from './tokens.ts'

/** The code and the wait of a guess. */
function guess(limit: ReturnType<typeof createGuessLimit>, address: string): string {
  try {
    return limit.refuseGuess(address)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return error.retryAfter === undefined ? error.code : `${error.code} ${error.retryAfter}`
  }
}

describe('createGuessLimit', () => {
  test('An address that guesses too often waits for the rest of its minute, and then begins anew', () => {
    const clock = { now: 0 }
    const limit = createGuessLimit(2, () => clock.now)
    expect([1, 2, 3].map(() => guess(limit, '203.0.113.7'))).toEqual(['unauthorized', 'unauthorized', 'too_many_guesses 60'])
    clock.now = 45_000
    expect(guess(limit, '203.0.113.7')).toBe('too_many_guesses 15')
    expect(guess(limit, '203.0.113.8')).toBe('unauthorized')
    clock.now = 60_000
    expect(guess(limit, '203.0.113.7')).toBe('unauthorized')
  })

  test('One network of IPv6 is one party, and an IPv4 address is the same party on either kind of socket', () => {
    const limit = createGuessLimit(1)
    guess(limit, '2001:db8:1:2::1')
    expect(guess(limit, '2001:db8:1:2:ffff::9')).toContain('too_many_guesses')
    expect(guess(limit, '2001:db8:1:3::1')).toBe('unauthorized')
    guess(limit, '::ffff:198.51.100.1')
    expect(guess(limit, '198.51.100.1')).toContain('too_many_guesses')
  })

  test('A flood from many addresses keeps the newest ones only', () => {
    const limit = createGuessLimit(1)
    guess(limit, '198.51.100.1')
    for (let at = 0; at < 10_000; at += 1) guess(limit, `10.0.${at >> 8}.${at & 255}`)
    expect(guess(limit, '198.51.100.1')).toBe('unauthorized')
  })
})

describe('guesses of keys over HTTP', () => {
  const limited = useServer({ guessesPerMinute: 3 })
  let here: World
  let agent: TestAgent
  beforeAll(async () => {
    here = await world(limited())
    agent = await here.agent()
  })

  test('Guesses get 429 with Retry-After, while valid credentials, new ones and the token of an ended run get their own answers', async () => {
    const run = await here.run(agent)
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })
    const answers = []
    for (let at = 0; at < 5; at += 1) answers.push(await limited().bearer(generateAgentKey()).get('/api/agents/me'))
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429, 429])
    expect(answers[4]).toMatchObject({ body: { code: 'too_many_guesses' } })
    expect(Number(answers[4]?.headers['retry-after'])).toBeGreaterThan(0)
    expect(await agent.client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await (await here.agent()).client.get('/api/agents/me')).toMatchObject({ status: 200 })
    expect(await run.client.get('/api/agents/me')).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
  })
})
