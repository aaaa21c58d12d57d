import { expect, test } from 'vitest'
import { useServer } from '../../dev/testing/world.ts'

const server = useServer()

test('A company is created when two hundred others have its three letters', async () => {
  await server().database.sql.query(
    `insert into companies (name, issue_prefix) select 'Zulu', 'ZUL' || repeat('A', n) from generate_series(0, 199) n`,
  )
  const [one, another] = await Promise.all([1, 2].map(() => server().board.post('/api/companies', { name: 'Zulu Works' })))
  for (const created of [one, another]) {
    expect(created?.status, created?.text).toBe(201)
    expect(created?.body.issuePrefix).toMatch(/^ZUL[A-Z]{8}$/)
  }
  expect(one?.body.issuePrefix).not.toBe(another?.body.issuePrefix)
})
