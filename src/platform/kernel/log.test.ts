import { describe, expect, test } from 'vitest'
import { captureLog } from '../../dev/testing/captureLog.ts'
import { useServer } from '../../dev/testing/world.ts'
import { serializeError } from './log.ts'

const server = useServer()
const SECRET = 'hunter2-in-a-row'

/** The error that a function throws. */
async function thrownBy(act: () => unknown): Promise<unknown> {
  try {
    await act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('serializeError (I17)', () => {
  test('The text of a driver error, which quotes a value, is not logged', async () => {
    const { sql } = server().database
    const error = await thrownBy(() => sql.query('insert into companies (id, name, issue_prefix) values ($1, $2, $3)', [SECRET, 'x', 'y']))
    expect(String(error)).toContain(SECRET)
    const line = JSON.stringify(serializeError(error))
    expect(line).not.toContain(SECRET)
    expect(serializeError(error)).toMatchObject({ code: '22P02', frames: expect.any(Array) })
  })

  test('A violated constraint is logged by its name without the row', async () => {
    const { sql } = server().database
    const insert = () => sql.query("insert into companies (name, issue_prefix, status) values ('x', 'y', $1)", [SECRET])
    const serialized = serializeError(await thrownBy(insert))
    expect(serialized).toMatchObject({ code: '23514', constraint: 'companies_status_check' })
    expect(JSON.stringify(serialized)).not.toContain(SECRET)
  })

  test('The statement and the parameters in an error of the query builder are not logged', () => {
    const wrapped = Object.assign(new Error(`Failed query: select 1\nparams: ${SECRET}`), { query: 'select 1', params: [SECRET] })
    const serialized = JSON.stringify(serializeError(new Error('outer', { cause: wrapped })))
    expect(serialized).toContain('outer')
    expect(serialized).not.toContain(SECRET)
    expect(serialized).not.toContain('select')
  })

  test('The input that a parser quotes is not logged', async () => {
    const serialized = serializeError(await thrownBy(() => JSON.parse(`{${SECRET}`)))
    expect(serialized.type).toBe('SyntaxError')
    expect(JSON.stringify(serialized)).not.toContain(SECRET)
  })

  test('The message of a broken invariant is logged, because it contains no data', () => {
    expect(serializeError(new Error('invariant broken: two statements are named x'))).toMatchObject({
      message: 'invariant broken: two statements are named x',
    })
  })

  test('The log serializes every error under err with it', async () => {
    const lines = captureLog()
    const { sql } = server().database
    lines.log.error({ err: await thrownBy(() => sql.query('select $1::uuid', [SECRET])) }, 'failed')
    expect(lines.text()).toContain('"22P02"')
    expect(lines.text()).not.toContain(SECRET)
  })

  test('A chain of causes without an end is cut', () => {
    const error = new Error('self')
    error.cause = error
    expect(JSON.stringify(serializeError(error)).length).toBeLessThan(20_000)
  })
})
