import { beforeAll, expect, test } from 'vitest'
import { NO_COMPANY } from '../../platform/kernel/event.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { TEST_BOARD_TOKEN, useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import { createSealer } from './sealer.ts'

const server = useServer()
const at = '/api/instance/activity'
let company: World

beforeAll(async () => {
  company = await world(server())
  await server().board.patch('/api/instance/settings/general', { keyboardShortcuts: true })
  await server().bearer(TEST_BOARD_TOKEN).post('/api/board/links')
  await createSealer(server().store, server().heads, createLog('silent', false))()
})

test('The instance has a chain of its own for what happens above the companies, with list, verification and export (I7)', async () => {
  const listed = await server().board.get(at)
  expect(listed.body).toMatchObject([
    { action: 'board.link_created', companyId: NO_COMPANY },
    { action: 'instance.settings.general_updated', companyId: NO_COMPANY, actorId: 'local-board' },
  ])
  expect((await server().board.get(`${at}?action=board.link_created&limit=1`)).body).toHaveLength(1)
  const verified = await server().board.get(`${at}/verify`)
  expect(verified.body).toMatchObject({ ok: true, companyId: NO_COMPANY, sealedRows: 2, unsealedRows: 0, notedHeads: 1, firstBroken: null })
  const lines = (await server().board.get(`${at}/export`)).text.trim().split('\n')
  expect(lines).toHaveLength(3)
  expect(JSON.parse(lines[2] ?? '')).toMatchObject({ head: { companyId: NO_COMPANY, position: 2 } })
  expect((await server().board.get(`${at}/export?from=2`)).text.trim().split('\n')).toHaveLength(2)
})

test('An edited row of the instance is found, and the chains of companies do not notice it', async () => {
  const sql = await server().database.sql.connect()
  try {
    await sql.query("set session_replication_role = 'replica'")
    await sql.query("update activity_log set actor_id = 'another' where company_id = $1 and action = 'instance.settings.general_updated'", [
      NO_COMPANY,
    ])
    expect((await server().board.get(`${at}/verify`)).body).toMatchObject({ ok: false, firstBroken: { position: 1, kind: 'edited' } })
    expect((await server().board.get(`/api/companies/${company.company.id}/activity/verify`)).body).toMatchObject({ ok: true })
  } finally {
    await sql.query("update activity_log set actor_id = 'local-board' where actor_id = 'another'")
    await sql.query('reset session_replication_role')
    sql.release()
  }
})

test('Agents, and callers without a credential, see nothing of the chain of the instance', async () => {
  const worker = await company.agent()
  for (const path of [at, `${at}/verify`, `${at}/export`]) {
    expect((await worker.client.get(path)).body).toMatchObject({ code: 'admin_required' })
    expect((await server().board.get(path, { 'x-forwarded-for': '203.0.113.7' })).status).toBe(401)
  }
  expect((await server().board.get(`${at}/verify?from=0`)).body).toMatchObject({ code: 'validation_failed' })
})
