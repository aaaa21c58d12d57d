import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { silentLog, temporaryFolder } from '../../dev/testing/backups.ts'
import { race } from '../../dev/testing/race.ts'
import { lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { createConditions } from '../../server/conditions.ts'
import { inspectBackup } from '../inspect.ts'
import { createBackupTask } from './task.ts'

const server = useServer()
const general = '/api/instance/settings/general'
const query = async <T extends object>(text: string, values: unknown[] = []): Promise<T[]> =>
  (await server().database.sql.query<T>(text, values)).rows

/** A task as a server has it. */
const taskIn = (folder: string) => {
  const { store, database } = server()
  return createBackupTask({ store, connection: database.connection, folder, encryption: null, version: 'test', log: silentLog })
}

const rows = () =>
  query<{ id: string; status: string; reason: string; file: string | null; error: string | null }>(
    'select * from instance_backups order by created_at',
  )

beforeEach(async () => {
  await query('delete from instance_backups')
  await server().board.patch(general, { backupEveryHours: 24 })
})

describe('backups that servers make', () => {
  test('One that was requested is made by one of two servers, once, and both requests name it', async () => {
    await world(server())
    const folder = temporaryFolder()
    const [one, other] = await race([1, 2], () => server().board.post('/api/instance/backups'))
    expect([one?.status, other?.status]).toEqual([202, 202])
    expect(one?.body.id).toBe(other?.body.id)
    expect(one?.body).toMatchObject({ status: 'requested', reason: 'request', file: null })
    await race([taskIn(folder), taskIn(folder)], (task) => task.run())
    const files = readdirSync(folder)
    expect(files).toHaveLength(1)
    const file = path.join(folder, files[0] ?? '')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const listed = await server().board.get('/api/instance/backups')
    expect(listed.body).toHaveLength(1)
    expect(listed.body[0]).toMatchObject({ id: one?.body.id, status: 'done', file, bytes: statSync(file).size, error: null })
    expect((await inspectBackup({ file, decryption: null })).description.takenAt).toBe(listed.body[0].takenAt)
    expect((await lastAudit(server(), one?.body.id, 'instance.backup_requested')).actorType).toBe('user')
    expect((await lastAudit(server(), one?.body.id, 'instance.backup_made')).details).toMatchObject({ reason: 'request', file })
  })

  test('A server makes one when the interval is over, and none before', async () => {
    await world(server())
    const folder = temporaryFolder()
    const tasks = [taskIn(folder), taskIn(folder)]
    await race(tasks, (task) => task.run())
    expect(await rows()).toEqual([])
    await server().database.passTime('25 hours')
    await race(tasks, (task) => task.run())
    await race(tasks, (task) => task.run())
    expect(await rows()).toMatchObject([{ status: 'done', reason: 'schedule' }])
    await server().board.patch(general, { backupEveryHours: 0 })
    await server().database.passTime('25 hours')
    await race(tasks, (task) => task.run())
    expect(await rows()).toHaveLength(1)
  })

  test('A backup that the retention does not keep is deleted with its file; another folder is left alone', async () => {
    await world(server())
    const [folder, elsewhere] = [temporaryFolder(), temporaryFolder()]
    const make = async (place: string): Promise<void> => {
      await server().board.post('/api/instance/backups')
      await taskIn(place).run()
    }
    await server().board.patch(general, { backupRetention: { dailyDays: 1, weeklyWeeks: 0, monthlyMonths: 0 } })
    await make(elsewhere)
    await make(folder)
    await server().database.passTime('2 days')
    await make(folder)
    expect(readdirSync(folder)).toHaveLength(1)
    expect(readdirSync(elsewhere)).toHaveLength(1)
    const all = await rows()
    expect(all.map(({ status }) => status)).toEqual(['done', 'removed', 'done'])
    expect(existsSync(all[1]?.file ?? '')).toBe(false)
    expect((await lastAudit(server(), all[1]?.id ?? '', 'instance.backup_removed')).details).toMatchObject({ file: all[1]?.file })
  })

  test('The retention knows the files of its folder under any host name and beyond a thousand newer ones, and removes those of failed backups', async () => {
    await world(server())
    const folder = temporaryFolder()
    const make = async (): Promise<void> => {
      await server().board.post('/api/instance/backups')
      await taskIn(folder).run()
    }
    await server().board.patch(general, { backupRetention: { dailyDays: 1, weeklyWeeks: 0, monthlyMonths: 0 } })
    await make()
    const [old] = await rows()
    // A container has another host name after each start; other folders on a host of that name have newer backups.
    await query("update instance_backups set host = 'container-1'")
    await server().database.passTime('2 days')
    await query(`insert into instance_backups (status, reason, host, file, taken_at, leased_until, finished_at)
      select 'done', 'schedule', 'container-1', '/elsewhere/' || n, now() - n * interval '1 second', now(), now() from generate_series(1, 1100) n`)
    // Killed between the name of the file and its record.
    const left = path.join(folder, 'paperclip-20261101T000000Z-0123abcd.paperclip')
    const unknown = path.join(folder, 'paperclip-20261101T000000Z-0123abce.paperclip')
    for (const file of [left, unknown]) writeFileSync(file, '')
    const [failed] = await query<{ id: string }>(
      "insert into instance_backups (status, reason, host, file, leased_until, finished_at) values ('failed', 'request', 'gone', $1, now(), now()) returning id",
      [left],
    )
    await make()
    expect([existsSync(old?.file ?? ''), existsSync(left), existsSync(unknown)]).toEqual([false, false, true])
    expect(await query('select status from instance_backups where id = any($1) order by status', [[old?.id, failed?.id]])).toEqual([
      { status: 'failed' },
      { status: 'removed' },
    ])
    expect((await lastAudit(server(), failed?.id ?? '', 'instance.backup_removed')).details).toEqual({ file: left, takenAt: null })
  })

  test('A failure is in the list, the audit, the metric and the health, and the next one ends it', async () => {
    await world(server())
    const folder = temporaryFolder()
    const blocked = path.join(folder, 'file')
    writeFileSync(blocked, '')
    await server().board.post('/api/instance/backups')
    await taskIn(path.join(blocked, 'below')).run()
    const [failed] = await rows()
    expect(failed).toMatchObject({ status: 'failed', error: expect.stringMatching(/not completed \(ENOTDIR\)|cannot be written/) })
    expect((await lastAudit(server(), failed?.id ?? '', 'instance.backup_failed')).details).toMatchObject({ reason: 'request' })
    const conditions = createConditions({
      db: server().store.read,
      home: '/',
      droppedLogLines: () => 0,
      auditDoubt: () => null,
      log: silentLog,
    })
    await conditions.check()
    expect(conditions.causes()).toContain('backup_failed')
    await server().board.post('/api/instance/backups')
    await taskIn(folder).run()
    await conditions.check()
    expect(conditions.causes()).not.toContain('backup_failed')
    await server().database.passTime('1 hour')
    const page = await (await fetch(`${server().url}/metrics`)).text()
    expect(Number(/paperclip_backup_age_seconds\{of="newest"\} (\d+)/.exec(page)?.[1])).toBeGreaterThanOrEqual(3600)
  })

  test('A backup whose server stopped in the middle is marked as failed by another server, which makes the next', async () => {
    await world(server())
    const folder = temporaryFolder()
    await query(
      "insert into instance_backups (status, reason, host, file, leased_until) values ('running', 'request', 'gone', '/gone', now() + interval '1 minute')",
    )
    await taskIn(folder).run()
    expect(await rows()).toMatchObject([{ status: 'running' }])
    await server().database.passTime('2 minutes')
    await taskIn(folder).run()
    expect(await rows()).toMatchObject([{ status: 'failed', error: 'The server that made it has stopped' }])
    await server().database.passTime('25 hours')
    await taskIn(folder).run()
    expect((await rows()).map(({ status }) => status)).toEqual(['failed', 'done'])
  })

  test('A backup in progress ends when its server stops, and leaves no file', async () => {
    await world(server())
    const folder = temporaryFolder()
    await server().board.post('/api/instance/backups')
    const task = taskIn(folder)
    task.stop()
    await task.run()
    expect(await rows()).toMatchObject([{ status: 'failed' }])
    expect(readdirSync(folder)).toEqual([])
  })
})
