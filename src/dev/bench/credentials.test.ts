import { beforeAll, expect, test } from 'vitest'
import { TEST_BOARD_TOKEN, useServer } from '../testing/world.ts'
import { createApiClient } from './apiClient.ts'
import { createBenchCompany } from './company.ts'
import { prepareCredentials } from './credentials.ts'
import type { CredentialScripts } from './credentials.ts'
import { play } from './play.ts'

const server = useServer({ people: {}, boardMode: 'token' })
let port = 0
let scripts: CredentialScripts

beforeAll(async () => {
  port = Number(new URL(server().url).port)
  const api = createApiClient(port, { authorization: `Bearer ${TEST_BOARD_TOKEN}` })
  const { sql } = server().database
  scripts = await prepareCredentials({ port, api, sql }, await createBenchCompany(api, sql, 'Acme', 450))
})

test.each(['agentKey', 'boardKey', 'session'] as const)('Each connection reads its issues by its own %s', async (kind) => {
  expect(new Set(scripts[kind].map((script) => script[0]?.bytes.toString())).size).toBe(scripts[kind].length)
  const { statuses } = await play({ port, scripts: scripts[kind].map((script) => script.slice(0, 2)), durationMs: 5, unit: 2 })
  expect(Object.keys(statuses)).toEqual(['200'])
  expect(statuses[200]).toBeGreaterThanOrEqual(2 * scripts[kind].length)
})
