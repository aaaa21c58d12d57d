import { expect, test } from 'vitest'
import type { DegradedCause } from '../observe/instance/health.ts'
import { captureLog } from '../dev/testing/captureLog.ts'
import { useServer } from '../dev/testing/world.ts'
import { causesOf, createConditions } from './conditions.ts'
import type { ConditionFacts } from './conditions.ts'

let causes: DegradedCause[] = []
const server = useServer({ degradedCauses: () => causes })

const healthy: ConditionFacts = {
  freeBytes: 10_000_000_000,
  eventLagSeconds: 0,
  sealLagSeconds: 5,
  openDescriptors: 100,
  maxDescriptors: 1024,
  droppedLines: 0,
  auditDoubt: null,
}

test('A server is degraded by each cause for itself, and by no fact that the system does not tell', () => {
  expect(causesOf(healthy)).toEqual([])
  expect(
    causesOf({ ...healthy, freeBytes: null, eventLagSeconds: null, sealLagSeconds: null, openDescriptors: null, maxDescriptors: null }),
  ).toEqual([])
  expect(causesOf({ ...healthy, freeBytes: 1000 })).toEqual(['disk_full'])
  expect(causesOf({ ...healthy, eventLagSeconds: 11 })).toEqual(['feed_slow'])
  expect(causesOf({ ...healthy, sealLagSeconds: 61 })).toEqual(['rows_unsealed'])
  expect(causesOf({ ...healthy, openDescriptors: 1000 })).toEqual(['descriptors_low'])
  expect(causesOf({ ...healthy, droppedLines: 1 })).toEqual(['log_dropped'])
  expect(causesOf({ ...healthy, auditDoubt: 'contradicted' })).toEqual(['audit_doubtful'])
})

test('A cause is logged once when it begins and once when it ends', async () => {
  const captured = captureLog()
  let dropped = 0
  const conditions = createConditions({
    db: server().store.read,
    home: '/',
    droppedLogLines: () => dropped,
    auditDoubt: () => null,
    log: captured.log,
  })
  const look = async (): Promise<unknown[]> => {
    captured.clear()
    await conditions.check()
    const lines = captured.text().split('\n').filter(Boolean)
    return lines.map((line) => JSON.parse(line) as { msg: string; cause: string }).map(({ msg, cause }) => [msg, cause])
  }
  expect(await look()).toEqual([])
  dropped = 3
  expect(await look()).toEqual([['the server is degraded', 'log_dropped']])
  expect(conditions.causes()).toEqual(['log_dropped'])
  dropped = 5
  expect(await look()).toEqual([])
  expect(await look()).toEqual([['the server is no longer degraded by this cause', 'log_dropped']])
})

test('The health of a degraded server names the causes, and its status stays ok', async () => {
  const health = async (): Promise<unknown> => (await server().board.get('/api/health')).body
  expect(await health()).toMatchObject({ status: 'ok', condition: 'ok', causes: [] })
  causes = ['disk_full', 'rows_unsealed']
  expect(await health()).toMatchObject({ status: 'ok', condition: 'degraded', causes })
})
