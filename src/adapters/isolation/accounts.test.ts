import { describe, expect, test } from 'vitest'
import { claimUid } from './accounts.ts'
import { idMap } from './handOver.ts'
import { temporaryFolder } from './testKit.ts'

describe('The user ids of agents', () => {
  test('Each agent has one id, the same one in every server of this host, and no id is given twice', () => {
    const registry = temporaryFolder()
    const range = { first: 60_000, size: 50 }
    const agents = Array.from({ length: 50 }, () => crypto.randomUUID())
    const uids = agents.map((agent) => claimUid(registry, agent, range))
    expect(new Set(uids).size).toBe(50)
    expect(agents.toReversed().map((agent) => claimUid(registry, agent, range))).toEqual(uids.toReversed())
    expect(() => claimUid(registry, crypto.randomUUID(), range)).toThrow('all 50 user ids for agents are taken')
  })

  test('An id map exchanges one id and keeps every other', () => {
    expect(idMap(0, 5, 9)).toBe('0 5 1\n1 1 4\n6 6 4')
    expect(idMap(5, 2, 9)).toBe('5 2 1\n0 0 2\n3 3 2\n6 6 4')
    expect(idMap(3, 9, 9)).toBe('3 9 1\n0 0 3\n4 4 5')
  })
})
