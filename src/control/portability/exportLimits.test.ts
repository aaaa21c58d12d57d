import { beforeEach, describe, expect, test } from 'vitest'
import { useServer, world } from '../../dev/testing/world.ts'
import type { TestAgent, World } from '../../dev/testing/world.ts'

const server = useServer()

let here: World
let ada: TestAgent
beforeEach(async () => {
  here = await world(server())
  ada = await here.agent({ name: 'Ada' })
})

const include = { company: true, agents: true, projects: true }

const limit = async (policy: object) => {
  const answer = await server().board.post(`/api/companies/${here.company.id}/budgets/policies`, policy)
  expect(answer.status, answer.text).toBe(200)
}

const ofCompany = (policy: object) => limit({ scopeType: 'company', scopeId: here.company.id, ...policy })
const ofAda = (policy: object) => limit({ scopeType: 'agent', scopeId: ada.id, ...policy })

const exported = async () => {
  const answer = await server().board.post(`/api/companies/${here.company.id}/export`, { include })
  expect(answer.status, answer.text).toBe(200)
  return answer.body as { files: Record<string, string>; warnings: string[] }
}

/** The limits of a company that is made of a package. */
const limitsOfCopy = async (files: Record<string, string>) => {
  const source = { type: 'inline', files }
  const answer = await server().board.post('/api/companies/import', {
    source,
    include,
    target: { mode: 'new_company', newCompanyName: 'Copy' },
  })
  expect(answer.status, answer.text).toBe(200)
  const { body } = await server().board.get(`/api/companies/${answer.body.company.id}/budgets/overview`)
  return (body.policies as { amount: number }[]).toSorted((one, other) => other.amount - one.amount)
}

describe('Limits of spending in a package', () => {
  test('A monthly limit that stops is one in the copy', async () => {
    await ofCompany({ amount: 900 })
    await ofAda({ amount: 300 })
    const { files, warnings } = await exported()
    expect(warnings).toEqual([])
    expect(await limitsOfCopy(files)).toMatchObject([
      { scopeType: 'company', amount: 900, hardStopEnabled: true },
      { scopeType: 'agent', amount: 300, hardStopEnabled: true },
    ])
  })

  test('A limit that only warns does not stop the copy, and a warning counts what the package lacks', async () => {
    const project = (await server().board.post(`/api/companies/${here.company.id}/projects`, { name: 'Web site' })).body
    await ofCompany({ amount: 900, hardStopEnabled: false })
    await ofAda({ amount: 300, hardStopEnabled: false })
    await ofAda({ amount: 700, windowKind: 'lifetime' })
    await limit({ scopeType: 'project', scopeId: project.id, amount: 100 })
    const { files, warnings } = await exported()
    expect(warnings).toEqual([expect.stringMatching(/^Limits of spending that are not exported,.*: 4; set them after an import$/)])
    expect(await limitsOfCopy(files)).toEqual([])
  })

  test('A warning counts the limits of which the package has the amount alone', async () => {
    await ofCompany({ amount: 900, warnPercent: 50 })
    await ofAda({ amount: 300, reserveCents: 5 })
    const { files, warnings } = await exported()
    expect(warnings).toEqual([expect.stringMatching(/^Monthly limits of which only the amount is exported,.*: 2$/)])
    expect(await limitsOfCopy(files)).toMatchObject([
      { amount: 900, warnPercent: 80 },
      { amount: 300, reserveCents: null },
    ])
  })

  test('Limits that are not active, and those of what is not in the package, are not counted', async () => {
    await ofCompany({ amount: 900, isActive: false })
    await limit({ scopeType: 'agent', scopeId: (await here.agent({ name: 'Bob' })).id, amount: 5, windowKind: 'lifetime' })
    const answer = await server().board.post(`/api/companies/${here.company.id}/export`, { include, agents: [ada.id] })
    expect(answer.body.warnings).toEqual([])
    expect(await limitsOfCopy(answer.body.files)).toEqual([])
  })
})
