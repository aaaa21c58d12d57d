import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { adapterConfigs } from '../../adapters/index.ts'
import { auditCount, useServer, world } from '../../dev/testing/world.ts'
import type { Answer, TestAgent, World } from '../../dev/testing/world.ts'
import { adapterTypes } from '../../model/adapterTypes.ts'

const server = useServer()
const board = () => server().board

let fixture: World
let worker: TestAgent
let ceo: TestAgent

beforeEach(async () => {
  fixture = await world(server())
  worker = await fixture.agent({ adapterConfig: { command: 'true', cwd: '/' } })
  ceo = await fixture.agent({ role: 'ceo' })
})

const inCompany = (path: string) => `/api/companies/${fixture.company.id}/${path}`
const codesOf = (answer: Answer): string[] => (answer.body.warnings ?? []).map(({ code }: { code: string }) => code)

/** Every request that stores a configuration, or asks the board to. */
const requests = {
  create: (body: object) => board().post(inCompany('agents'), { name: 'New', ...body }),
  patch: (body: object) => board().patch(`/api/agents/${worker.id}`, body),
  hire: (body: object) => board().post(inCompany('agent-hires'), { name: 'New', ...body }),
  proposal: (body: object) => ceo.client.patch(`/api/agents/${worker.id}`, body),
  'filed hire': (body: object) => ceo.client.post(inCompany('approvals'), { type: 'hire_agent', payload: { name: 'New', ...body } }),
}
const names = Object.keys(requests) as (keyof typeof requests)[]

describe('adapterConfig', () => {
  test.each(names)('A %s with a value that no run can use is refused, and nothing is recorded (K33)', async (name) => {
    const before = await auditCount(server())
    for (const adapterConfig of [
      { command: 42 },
      { command: 'x', args: 'one text' },
      { command: 'x', timeoutSec: 'soon' },
      { env: { A: 1 } },
    ]) {
      const answer = await requests[name]({ adapterConfig })
      expect(answer, answer.text).toMatchObject({ status: 422, body: { code: 'payload_invalid' } })
      expect(answer.body.details.problems[0]).toMatch(/^(?:command|args|timeoutSec|env\.A): /)
    }
    expect(await auditCount(server())).toBe(before)
  })

  test('A create, a patch and a hire that lack the command or name unknown fields are accepted with warnings (K33)', async () => {
    expect(codesOf(await requests.create({}))).toEqual(['runs_elsewhere'])
    expect(codesOf(await requests.create({ adapterConfig: { timeoutSeconds: 60 } }))).toEqual(['config_ignored', 'runs_elsewhere'])
    expect(codesOf(await requests.hire({ adapterType: 'http' }))).toEqual(['runs_elsewhere'])
    expect(codesOf(await requests.patch({ adapterConfig: { timeoutSeconds: 60 } }))).toEqual(['config_ignored'])
    expect(codesOf(await requests.patch({ adapterType: 'http' }))).toEqual([
      'config_ignored',
      'config_ignored',
      'config_ignored',
      'runs_elsewhere',
    ])
    expect((await requests.create({ adapterConfig: { command: 'true', cwd: '/' } })).body.warnings).toBeUndefined()
    expect((await requests.patch({ title: 'Smith' })).body.warnings).toBeUndefined()
  })

  test('The board is warned that the command or the folder is not there, and an agent learns nothing of this host (K33)', async () => {
    const lacking = { adapterConfig: { command: 'no-such-program', cwd: '/no/such/folder' } }
    expect(codesOf(await requests.create(lacking)).toSorted()).toEqual(['command_missing', 'folder_missing'])
    expect(codesOf(await requests.patch(lacking)).toSorted()).toEqual(['command_missing', 'folder_missing'])
    const proposed = await requests.proposal(lacking)
    expect(proposed, proposed.text).toMatchObject({ status: 202 })
    expect(codesOf(proposed)).toEqual([])
  })

  test('An import names what no run can use, what has no effect, and once all agents without a command, before and after it is applied (K33)', async () => {
    const slugs = Array.from({ length: 23 }, (_, at) => `a${at}`)
    const files = {
      'COMPANY.md': '---\nname: Imported\n---\n',
      ...Object.fromEntries(
        [...slugs, 'odd', 'wrong'].map((slug) => [`agents/${slug}/AGENTS.md`, `---\nname: ${slug}\n---\n\nBe good.\n`]),
      ),
      '.paperclip.yaml':
        'agents:\n  odd: {adapterConfig: {command: sh, timeoutSeconds: 60}}\n  wrong: {adapterConfig: {command: sh, args: {a: 1}}}\n',
    }
    const request = { source: { type: 'inline', files }, target: { mode: 'new_company' } }
    const shown = await board().post('/api/companies/import/preview', request)
    const made = await board().post('/api/companies/import', request)
    const ofConfigurations = (warnings: string[]) => warnings.filter((warning) => !/executes|Starts the shell/.test(warning))
    for (const { body, text } of [shown, made])
      expect(ofConfigurations(body.warnings), text).toEqual([
        'agents/odd/AGENTS.md: adapterConfig.timeoutSeconds is not a field of the adapter process and has no effect',
        expect.stringMatching(/^agents\/wrong\/AGENTS\.md: adapterConfig\.args: .*; runs of the agent fail$/),
        `Without command this server starts no run of ${slugs.slice(0, 20).join(', ')} and 3 more`,
      ])
  })

  test('A request for a hire and a proposal show the board the same warnings, before and after they are decided (K33)', async () => {
    const adapterConfig = { command: 'sh', timeoutSeconds: 60 }
    const filed = await requests['filed hire']({ adapterConfig })
    const hired = await ceo.client.post(inCompany('agent-hires'), { name: 'Newer', adapterConfig: { timeoutSeconds: 60 } })
    const proposed = await requests.proposal({ adapterConfig })
    for (const [id, codes] of [
      [filed.body.id, ['shell', 'config_ignored']],
      [hired.body.approval.id, ['config_ignored', 'runs_elsewhere']],
      [proposed.body.approval.id, ['shell', 'config_ignored']],
    ] as const) {
      const read = await board().get(`/api/approvals/${id}`)
      expect(codesOf(read), read.text).toEqual(codes)
      const at = codes.indexOf('config_ignored')
      expect(read.body.warnings[at]).toMatchObject({ path: 'adapterConfig.timeoutSeconds' })
      const decided = await board().post(`/api/approvals/${id}/approve`, { payloadHash: read.body.payloadHash })
      expect(decided, decided.text).toMatchObject({ status: 200 })
      expect(codesOf(await board().get(`/api/approvals/${id}`))).toEqual(codes)
    }
  })

  test('A repeat with the same Idempotency-Key gets the same warnings (K33)', async () => {
    const send = () =>
      board().post(inCompany('agents'), { name: 'New', adapterConfig: { timeoutSeconds: 60 } }, { 'idempotency-key': 'one' })
    const [first, again] = [await send(), await send()]
    expect(codesOf(first)).toEqual(['config_ignored', 'runs_elsewhere'])
    expect(again.body).toEqual(first.body)
  })

  test('Another field can be changed beside a value of before that no run can use (K33)', async () => {
    await server().database.sql.query(`update agents set adapter_config = '{"command": 42}' where id = $1`, [worker.id])
    const answer = await requests.patch({ adapterConfig: { timeoutSec: 60 } })
    expect(answer, answer.text).toMatchObject({ status: 200, body: { adapterConfig: { command: 42, timeoutSec: 60 } } })
    expect(codesOf(answer)).toEqual(['config_invalid'])
  })

  test('Every problem that keeps runs from starting is a refusal or a warning, for each adapter and each field (K33)', async () => {
    const value = fc.oneof(
      fc.constantFrom<unknown>('', null, 0, 42, true, 'x', '-x', [], {}, ['x'], { x: 1 }),
      fc.jsonValue({ maxDepth: 1 }),
    )
    const configuration = fc.constantFrom(...adapterTypes).chain((adapterType) => {
      const fields = Object.keys(adapterConfigs[adapterType].shape)
      return fc.record({
        adapterType: fc.constant(adapterType),
        adapterConfig: fc.dictionary(fc.constantFrom(...fields, 'other'), value, { maxKeys: 3 }),
      })
    })
    await fc.assert(
      fc.asyncProperty(configuration, async ({ adapterType, adapterConfig }) => {
        const answer = await requests.create({ adapterType, adapterConfig })
        expect([201, 422], answer.text).toContain(answer.status)
        if (answer.status === 422) return
        const tested = (await board().post(inCompany(`adapters/${adapterType}/test-environment`), { adapterConfig })).body
        const isLookup = ({ code }: { code: string }) => code === 'address_unknown'
        const problems = tested.checks.filter((check: { code: string; level: string }) => check.level !== 'info' && !isLookup(check))
        expect(codesOf(answer).length > 0, JSON.stringify({ adapterType, adapterConfig, problems })).toBe(problems.length > 0)
      }),
      { numRuns: 60 },
    )
  })
})

describe('runtimeConfig.heartbeat', () => {
  const switches = ['enabled', 'wakeOnDemand', 'wakeOnAssignment', 'wakeOnOnDemand', 'wakeOnAutomation']
  const numbers = ['intervalSec', 'cooldownSec', 'maxConcurrentRuns']

  test.each(['create', 'patch', 'hire', 'proposal'] as const)(
    'A switch or a number of another type is refused in a %s (K58)',
    async (name) => {
      const before = await auditCount(server())
      const wrong = (field: string) => (switches.includes(field) ? ['false', 'true', 0, 1, [], {}] : ['10', true, [], {}])
      for (const field of [...switches, ...numbers])
        for (const given of wrong(field)) {
          const answer = await requests[name]({ runtimeConfig: { heartbeat: { [field]: given } } })
          expect(answer, `${field}: ${JSON.stringify(given)}`).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
          expect(answer.body.details[0].path).toEqual(['runtimeConfig', 'heartbeat', field])
        }
      for (const heartbeat of ['false', false, [], 1])
        expect(await requests[name]({ runtimeConfig: { heartbeat } })).toMatchObject({ status: 400 })
      expect(await auditCount(server())).toBe(before)
    },
  )

  test('Switches, numbers, nulls and further fields are kept as they are sent (K58)', async () => {
    const runtimeConfig = { heartbeat: { enabled: false, wakeOnDemand: null, intervalSec: 90, note: 'x' }, other: { enabled: 'false' } }
    expect(await requests.create({ runtimeConfig })).toMatchObject({ status: 201, body: { runtimeConfig } })
    expect(await requests.patch({ runtimeConfig })).toMatchObject({ status: 200, body: { runtimeConfig } })
  })
})
