import { describe, expect, test } from 'vitest'
import { captureLog } from '../../dev/testing/captureLog.ts'
import { useServer } from '../../dev/testing/world.ts'
import { serializeError } from './log.ts'

const server = useServer()
const SECRET = 'hunter2-in-a-row'

/** What was thrown. */
async function thrownBy(act: () => unknown): Promise<unknown> {
  try {
    await act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('a line about an error shows where it came from, and nothing of what was sent (I17)', () => {
  test('what the driver says of a row stays in the driver', async () => {
    const { sql } = server().database
    const error = await thrownBy(() => sql.query('insert into companies (id, name, issue_prefix) values ($1, $2, $3)', [SECRET, 'x', 'y']))
    expect(String(error)).toContain(SECRET)
    const line = JSON.stringify(serializeError(error))
    expect(line).not.toContain(SECRET)
    expect(serializeError(error)).toMatchObject({ code: '22P02', frames: expect.any(Array) })
  })

  test('nor does a violated constraint tell the row, though it is named', async () => {
    const { sql } = server().database
    const insert = () => sql.query("insert into companies (name, issue_prefix, status) values ('x', 'y', $1)", [SECRET])
    const told = serializeError(await thrownBy(insert))
    expect(told).toMatchObject({ code: '23514', constraint: 'companies_status_check' })
    expect(JSON.stringify(told)).not.toContain(SECRET)
  })

  test('nor what the query builder wraps around it, statement, parameters and all', () => {
    const wrapped = Object.assign(new Error(`Failed query: select 1\nparams: ${SECRET}`), { query: 'select 1', params: [SECRET] })
    const told = JSON.stringify(serializeError(new Error('outer', { cause: wrapped })))
    expect(told).toContain('outer')
    expect(told).not.toContain(SECRET)
    expect(told).not.toContain('select')
  })

  test('nor what a parser quotes', async () => {
    const told = serializeError(await thrownBy(() => JSON.parse(`{${SECRET}`)))
    expect(told.type).toBe('SyntaxError')
    expect(JSON.stringify(told)).not.toContain(SECRET)
  })

  test('a broken invariant keeps its words, which name no data', () => {
    expect(serializeError(new Error('invariant broken: two statements are named x'))).toMatchObject({
      message: 'invariant broken: two statements are named x',
    })
  })

  test('the log uses it for everything under err', async () => {
    const lines = captureLog()
    const { sql } = server().database
    lines.log.error({ err: await thrownBy(() => sql.query('select $1::uuid', [SECRET])) }, 'failed')
    expect(lines.text()).toContain('"22P02"')
    expect(lines.text()).not.toContain(SECRET)
  })

  test('a chain of causes that never ends does', () => {
    const error = new Error('self')
    error.cause = error
    expect(JSON.stringify(serializeError(error)).length).toBeLessThan(20_000)
  })
})
