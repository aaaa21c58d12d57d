import { sql } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import { describe, expect, test } from 'vitest'
import { encodeCursor } from '../kernel/page.ts'
import { byCreation, keyset } from './keyset.ts'

const textOf = (template: Parameters<PgDialect['sqlToQuery']>[0]): string => new PgDialect().sqlToQuery(template).sql

const id = '7d4b9f0e-4f55-4b0a-9a57-6c1b8a9d3c11'
const createdAt = '2026-01-02T03:04:05.678Z'

describe('keyset', () => {
  test('The first page has no condition and reads one row more than it has', () => {
    const page = byCreation('asc').page({})
    expect([page.limit, page.hasCursor, page.condition, textOf(page.andAfterCursor)]).toEqual([200, false, null, ''])
    expect(page.params).toEqual({ after_createdAt: null, after_id: null, limit: 201 })
  })

  test('A page after a cursor compares the whole sort key in the direction of the list', () => {
    const after = encodeCursor([createdAt, id])
    const ascending = byCreation('asc').page({ after, limit: 5 })
    expect(textOf(ascending.andAfterCursor)).toBe('and (created_at, id) > ($1::timestamptz, $2::uuid)')
    expect(ascending.params).toEqual({ after_createdAt: createdAt, after_id: id, limit: 6 })
    const descending = byCreation('desc', 'r').page({ after })
    expect(textOf(descending.condition ?? sql``)).toBe('(r.created_at, r.id) < ($1::timestamptz, $2::uuid)')
  })

  test('A sort key of one column is compared without a row', () => {
    const byKey = keyset('asc', [{ field: 'key', column: 'key', type: 'text' }])
    expect(textOf(byKey.page({ after: encodeCursor(['plan']) }).andAfterCursor)).toBe('and key > $1::text')
    expect([textOf(byKey.orderBy), textOf(byCreation('desc').orderBy)]).toEqual(['key', 'created_at desc, id desc'])
  })

  test('The cursor of the next page is the sort key of the last row, and only when a row follows', () => {
    const rows = [1, 2, 3].map((number) => ({ createdAt, id, number }))
    const page = byCreation('asc').page({ limit: 2 })
    expect(page.toPage({ rows, isCut: false })).toMatchObject({ items: rows.slice(0, 2), next: encodeCursor([createdAt, id]) })
    expect(page.toPage({ rows: rows.slice(0, 2), isCut: false })).toMatchObject({ items: rows.slice(0, 2), next: null })
    expect(page.toPage({ rows: rows.slice(0, 1), isCut: true }).next).toBe(encodeCursor([createdAt, id]))
  })

  test.each([
    ['is not base64url of JSON', '%%%'],
    ['is a key of another length', encodeCursor([createdAt])],
    ['has a value of another type', encodeCursor([createdAt, 'no-uuid'])],
  ])('A cursor that %s is refused with malformed_cursor', (_, after) => {
    expect(() => byCreation('asc').page({ after })).toThrow(expect.objectContaining({ code: 'malformed_cursor' }))
  })
})
