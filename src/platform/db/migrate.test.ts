import { describe, expect, test } from 'vitest'
import type { Pool } from './driver/client.ts'
import { migrate } from './migrate.ts'

describe('migrate', () => {
  test('A Postgres that is too old is refused with a sentence before anything is changed', async () => {
    const queries: string[] = []
    const connection = {
      query: async (text: string) => {
        queries.push(text)
        return { rows: [{ server_version_num: '130004' }] }
      },
      release: () => {},
    }
    const pool = { connect: async () => connection } as unknown as Pool
    await expect(migrate(pool)).rejects.toThrow('Postgres 15 or newer is required, and the database is Postgres 13.4')
    expect(queries).toEqual(['show server_version_num'])
  })
})
