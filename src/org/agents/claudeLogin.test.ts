import { expect, test } from 'vitest'
import { auditCount, useServer, world } from '../../dev/testing/world.ts'

const server = useServer()
const login = (id: string) => `/api/agents/${id}/claude-login`

test('POST claude-login starts no login and returns instructions for a login by hand', async () => {
  const fixture = await world(server())
  const agent = await fixture.agent({ adapterType: 'claude_local', adapterConfig: { env: { ANTHROPIC_API_KEY: 'hunter2' } } })
  const before = await auditCount(server())
  const answer = await server().board.post(login(agent.id))
  expect(answer).toMatchObject({ status: 200 })
  expect(answer.body).toEqual({
    exitCode: null,
    signal: null,
    timedOut: false,
    loginUrl: null,
    stdout: '',
    stderr: expect.stringContaining('Run `claude login`'),
  })
  expect(answer.text).not.toContain('hunter2')
  expect(await auditCount(server())).toBe(before)
})

test('POST claude-login is refused for agents of another adapter, for agents as callers, and for missing agents', async () => {
  const fixture = await world(server())
  const other = await fixture.agent({ adapterType: 'codex_local' })
  const before = await auditCount(server())
  expect(await server().board.post(login(other.id))).toMatchObject({
    status: 400,
    body: { code: 'bad_request', error: 'Login is only supported for claude_local agents' },
  })
  expect(await other.client.post(login(other.id))).toMatchObject({ status: 403, body: { error: 'Board access required' } })
  const missing = '00000000-0000-4000-8000-000000000000'
  expect(await server().board.post(login(missing))).toMatchObject({ status: 404, body: { error: 'Agent not found' } })
  expect(await server().board.post(login('unknown'))).toMatchObject({ status: 422, body: { code: 'company_needed' } })
  expect(await auditCount(server())).toBe(before)
})
