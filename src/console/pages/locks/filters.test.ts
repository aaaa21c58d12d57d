import { describe, expect, test } from 'vitest'
import type { Hold } from '../../api/types.ts'
import { filterOf, isFiltered, matches, nextSort, orderOf, sorted, worstFirst } from './filters.ts'

const NOW = Date.parse('2026-11-20T12:00:00Z')
const at = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString()

const hold = (identifier: string, leaseSeconds: number, fields: Partial<Hold> = {}): Hold =>
  ({
    issueId: identifier,
    identifier,
    title: `Title of ${identifier}`,
    projectId: null,
    checkoutRunId: 'r',
    executionRunId: 'r',
    heldSince: at(-3600),
    lockEpoch: 1,
    waitingWakes: 0,
    holder: {
      runId: 'r',
      agentId: 'ada',
      agentName: 'Ada',
      status: 'running',
      live: true,
      leaseExpiresAt: at(leaseSeconds),
      lastSeenAt: at(leaseSeconds - 300),
    },
    ...fields,
  }) as unknown as Hold

const names = (holds: readonly Hold[]): string[] => holds.map(({ identifier }) => identifier)
const filter = (query: string) => filterOf(new URLSearchParams(query))
const matching = (holds: readonly Hold[], query: string): string[] => names(holds.filter((each) => matches(each, filter(query), NOW)))

describe('the filters and the order of the locks', () => {
  test('The worst hold is the one that has been dead for longest; silent ones follow, then the oldest of the live ones', () => {
    const holds = [
      hold('A-1', 290, { heldSince: at(-60) }),
      hold('A-2', 290),
      hold('A-3', 100),
      hold('A-4', -10),
      hold('A-5', -600),
      hold('A-6', 0, { holder: null }),
    ]
    expect(names(sorted(holds, worstFirst, NOW))).toEqual(['A-6', 'A-5', 'A-4', 'A-3', 'A-2', 'A-1'])
  })

  test('An order has two directions, and identifiers are ordered by their numbers', () => {
    const holds = [hold('A-10', 290), hold('A-9', 290), hold('B-1', 290)]
    expect(names(sorted(holds, orderOf(new URLSearchParams('sort=issue')), NOW))).toEqual(['A-9', 'A-10', 'B-1'])
    expect(names(sorted(holds, orderOf(new URLSearchParams('sort=-issue')), NOW))).toEqual(['B-1', 'A-10', 'A-9'])
    expect(orderOf(new URLSearchParams('sort=odd'))).toEqual(worstFirst)
    expect([
      nextSort(worstFirst, 'since'),
      nextSort({ by: 'since', isDescending: false }, 'since'),
      nextSort({ by: 'since', isDescending: true }, 'alive'),
    ]).toEqual(['since', '-since', null])
  })

  test('Each filter of the address narrows the list, and all of them hold together', () => {
    const holds = [
      hold('A-1', 290),
      hold('A-2', -10, { projectId: 'p' }),
      hold('A-3', 100, { heldSince: at(-5 * 3600) }),
      hold('A-4', 290, { holder: null, heldSince: null }),
    ]
    expect(matching(holds, 'alive=dead')).toEqual(['A-2', 'A-4'])
    expect(matching(holds, 'alive=dead,silent')).toEqual(['A-2', 'A-3', 'A-4'])
    expect(matching(holds, 'agent=ada')).toEqual(['A-1', 'A-2', 'A-3'])
    expect(matching(holds, 'project=p')).toEqual(['A-2'])
    expect(matching(holds, 'project=none')).toEqual(['A-1', 'A-3', 'A-4'])
    expect(matching(holds, 'age=4h')).toEqual(['A-3'])
    expect(matching(holds, 'q=ada title a-1')).toEqual(['A-1'])
    expect(matching(holds, 'alive=silent&project=p')).toEqual([])
    expect([isFiltered(filter('sort=issue')), isFiltered(filter('q=x'))]).toEqual([false, true])
  })
})
