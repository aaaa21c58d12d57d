import { sql } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { SQL } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { useServer } from '../dev/testing/world.ts'
import { agentStatus, isInvokable, isInvokableSql } from './agentStatus.ts'
import { isClosed, isClosedSql, issueStatus } from './issueStatus.ts'
import { hasLease, isLive, isUnended } from './runs.ts'
import { runStatus } from './runStatus.ts'

const server = useServer()

/** The value of a predicate for each row, computed by Postgres. */
async function evaluate(predicate: SQL, rows: SQL): Promise<boolean[]> {
  const query = new PgDialect().sqlToQuery(sql`select ${predicate} as holds from ${rows}`)
  const result = await server().database.sql.query<{ holds: boolean }>(query.sql, query.params)
  return result.rows.map(({ holds }) => holds)
}

const withStatus = (statuses: readonly string[]): SQL =>
  sql`(select status from unnest(array[${sql.raw(statuses.map((status) => `'${status}'`).join(', '))}]) with ordinality as listed (status, place)
    order by place) a`

describe('predicates in SQL and TypeScript', () => {
  test('`isInvokable` gives the same answer for every status of an agent', async () => {
    expect(await evaluate(isInvokableSql('a'), withStatus(agentStatus.statuses))).toEqual(agentStatus.statuses.map(isInvokable))
    expect(agentStatus.statuses.filter(isInvokable)).toEqual(['idle', 'active', 'running', 'error'])
  })

  test('`isClosed` gives the same answer for every status of an issue', async () => {
    for (const alias of ['a', undefined])
      expect(await evaluate(isClosedSql(alias), withStatus(issueStatus.statuses))).toEqual(issueStatus.statuses.map(isClosed))
    expect(issueStatus.statuses.filter(isClosed)).toEqual(['done', 'cancelled'])
  })
})

describe('predicates of runs', () => {
  const runsWithLease = (interval: string): SQL =>
    sql`(select a.status, now() + interval '${sql.raw(interval)}' as lease_expires_at from ${withStatus(runStatus.statuses)}) r`

  test('`isLive` is true for a queued or running run with a lease, and for no other', async () => {
    for (const alias of ['r', undefined]) {
      expect(await evaluate(isLive(alias), runsWithLease('1 minute'))).toEqual([true, true, false, false, false, false])
      expect(await evaluate(isLive(alias), runsWithLease('-1 second'))).not.toContain(true)
    }
  })

  test('`hasLease` and `isUnended` are the two halves of isLive', async () => {
    expect(await evaluate(hasLease('r'), runsWithLease('-1 second'))).not.toContain(true)
    expect(await evaluate(isUnended('r'), runsWithLease('-1 second'))).toEqual([true, true, false, false, false, false])
  })
})
