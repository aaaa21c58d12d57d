import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { useServer, world } from '../testing/world.ts'

const server = useServer()

test('The triggers of the chaos test let the login of the application work, and find what it must not do', async () => {
  const { sql } = server().database
  await sql.query(readFileSync(new URL('./observers.sql', import.meta.url), 'utf8'))
  const here = await world(server())
  const { run, issue } = await here.held()
  expect(await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, { status: 'succeeded' })).toMatchObject({ status: 200 })
  expect((await sql.query('select property from chaos.violations')).rows).toEqual([])
  expect((await sql.query('select run_id from chaos.starts join chaos.ends using (run_id)')).rows).toEqual([{ run_id: run.id }])
  await sql.query('update issues set checkout_run_id = $2 where id = $1', [issue.id, run.id])
  expect((await sql.query('select distinct property from chaos.violations')).rows).not.toEqual([])
})
