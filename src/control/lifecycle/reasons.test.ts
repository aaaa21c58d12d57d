import { beforeEach, describe, expect, test } from 'vitest'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'

const server = useServer()
const board = () => server().board

let fixture: World
beforeEach(async () => {
  fixture = await world(server())
})

interface Act {
  readonly path: string
  readonly id: string
  readonly action: string
  /** The change, where the act is one of a row. */
  readonly change?: object
}

/** The path of each act, the row that its audit row names, and the action. */
const acts: Readonly<Record<string, () => Promise<Act>>> = {
  pause: async () => {
    const { id } = await fixture.agent()
    return { path: `/api/agents/${id}/pause`, id, action: 'agent.paused' }
  },
  resume: async () => {
    const { id } = await fixture.agent()
    await board().post(`/api/agents/${id}/pause`)
    return { path: `/api/agents/${id}/resume`, id, action: 'agent.resumed' }
  },
  terminate: async () => {
    const { id } = await fixture.agent()
    return { path: `/api/agents/${id}/terminate`, id, action: 'agent.terminated' }
  },
  cancel: async () => {
    const { id } = await fixture.run(await fixture.agent())
    return { path: `/api/heartbeat-runs/${id}/cancel`, id, action: 'heartbeat.cancelled' }
  },
  'pause of a company': () => {
    const { id } = fixture.company
    return Promise.resolve({ path: `/api/companies/${id}`, id, action: 'company.updated', change: { status: 'paused' } })
  },
  'restoration of a company': async () => {
    const { id } = fixture.company
    await board().post(`/api/companies/${id}/archive`)
    return { path: `/api/companies/${id}`, id, action: 'company.updated', change: { status: 'active' } }
  },
  archive: () => {
    const { id } = fixture.company
    return Promise.resolve({ path: `/api/companies/${id}/archive`, id, action: 'company.archived' })
  },
}
const names = Object.keys(acts)

const perform = ({ path, change }: Act, reason: unknown) =>
  change === undefined ? board().post(path, { reason }) : board().patch(path, { ...change, reason })
const prepare = (name: string): Promise<Act> => acts[name]?.() ?? Promise.reject(new Error(name))

describe('the reason of an act of a person', () => {
  test.each(names)('A %s takes a reason, and its audit row has it (K35)', async (name) => {
    const act = await prepare(name)
    const { id, action } = act
    expect(await perform(act, '  It loops over one issue ')).toMatchObject({ status: 200 })
    expect((await lastAudit(server(), id, action)).details).toMatchObject({ reason: 'It loops over one issue' })
  })

  test.each(names)('A %s without a reason has none in its audit row, and a malformed one is refused (K35)', async (name) => {
    const act = await prepare(name)
    const { id, action } = act
    const before = await auditCount(server())
    for (const reason of ['x'.repeat(1001), 42, ['x'], { text: 'x' }])
      expect(await perform(act, reason)).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
    expect(await auditCount(server())).toBe(before)
    expect(await perform(act, '   ')).toMatchObject({ status: 200 })
    expect((await lastAudit(server(), id, action)).details).not.toHaveProperty('reason')
  })
})
