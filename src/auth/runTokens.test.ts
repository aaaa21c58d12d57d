import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { createRunTokens } from './runTokens.ts'
import type { RunTokens } from './runTokens.ts'

const OLD = 'the secret that was in use for a year, until today'
const NEW = 'another secret that was never seen before, from now on'
const run = { agentId: 'agent', companyId: 'company', adapterType: 'process', runId: 'run' }

const tokensOf = (secret: string, previousSecret: string | null = null): Promise<RunTokens> =>
  createRunTokens({ secret, previousSecret, ttlSeconds: 60, issuer: 'paperclip', audience: 'paperclip-api' })

const headerOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Record<string, unknown>

/** A token as release d4ff285 signed it: without `kid`. */
async function unnamedToken(secret: string, kid?: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ company_id: 'company', adapter_type: 'process', run_id: 'run' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
    .setSubject('agent')
    .setIssuer('paperclip')
    .setAudience('paperclip-api')
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(new TextEncoder().encode(secret))
}

describe('run tokens while their secret is replaced', () => {
  test('A token names its secret without saying anything about it', async () => {
    const [one, same, other] = await Promise.all(
      [OLD, OLD, NEW].map(async (secret) => headerOf((await (await tokensOf(secret)).sign(run)).token)['kid']),
    )
    expect(one).toMatch(/^[0-9a-f]{16}$/)
    expect(same).toBe(one)
    expect(other).not.toBe(one)
  })

  test('Tokens of the secret before are valid as long as it is given, and new ones are signed with the new one', async () => {
    const before = (await (await tokensOf(OLD)).sign(run)).token
    const both = await tokensOf(NEW, OLD)
    expect(await both.verify(before)).toMatchObject({ runId: 'run' })
    const after = (await both.sign(run)).token
    expect(await both.verify(after)).toMatchObject({ runId: 'run' })
    const done = await tokensOf(NEW)
    expect([await done.verify(before), await done.verify(after)]).toEqual([null, expect.objectContaining({ runId: 'run' })])
    expect(await (await tokensOf(OLD)).verify(after)).toBeNull()
  })

  test('Tokens of an older release, which name no secret, are valid under both', async () => {
    const both = await tokensOf(NEW, OLD)
    expect(await both.verify(await unnamedToken(OLD))).toMatchObject({ runId: 'run' })
    expect(await both.verify(await unnamedToken(NEW))).toMatchObject({ runId: 'run' })
    expect(await (await tokensOf(NEW)).verify(await unnamedToken(OLD))).toBeNull()
  })

  test('A token that names one secret and was signed with another is refused, and so is one that names none that is known', async () => {
    const both = await tokensOf(NEW, OLD)
    const kid = String(headerOf((await both.sign(run)).token)['kid'])
    expect(await both.verify(await unnamedToken(OLD, kid))).toBeNull()
    expect(await both.verify(await unnamedToken(NEW, '0123456789abcdef'))).toBeNull()
    expect(await both.verify(await unnamedToken(NEW, kid))).toMatchObject({ runId: 'run' })
  })
})
