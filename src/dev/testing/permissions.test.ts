import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { declaredRoutes } from './declaredRoutes.ts'
import { callers } from './permissionCallers.ts'
import { completeTable, contradicts, declaredCell, doorsOf, parseTable, renderTable } from './permissionMatrix.ts'
import type { Door } from './permissionMatrix.ts'
import { createGround, walkDoors } from './permissionWalk.ts'
import type { Ground } from './permissionWalk.ts'
import { useServer } from './world.ts'

const server = useServer({ people: {} })
const doors = doorsOf(declaredRoutes())
const reviewed = readFileSync(new URL('../../../doc/generated/permissions.md', import.meta.url), 'utf8')
const rows = parseTable(reviewed)
const stated = ({ label }: Door): readonly string[] => rows.get(label) ?? []

let ground: Ground
beforeAll(async () => {
  ground = await createGround({ url: server().url, tokens: server().tokens, sql: server().database.sql })
})

/** The cells in which two tables differ. */
const differences = (
  asked: readonly Door[],
  cellsOf: (door: Door) => readonly string[],
  expected: (door: Door) => readonly string[],
): string[] =>
  asked.flatMap((door) =>
    callers.flatMap(({ name }, at) => {
      const [cell, wanted] = [cellsOf(door)[at], expected(door)[at]]
      return cell === wanted ? [] : [`${door.label} as ${name}: ${cell}, and the table says ${wanted}`]
    }),
  )

describe('the reviewed table of permissions', () => {
  test('The file has a row for every route and no other, as npm run docs writes it', () => {
    expect(completeTable(doors, rows).split('\n')).toEqual(reviewed.split('\n'))
    expect([...rows.keys()].toSorted()).toEqual(doors.map(({ label }) => label).toSorted())
  })

  test('No cell contradicts the permission of its route, its scope or the roles', () => {
    const wrong = doors.flatMap((door) =>
      callers.flatMap((caller, at) => {
        const [declared, cell = 'none'] = [declaredCell(door, caller), stated(door)[at]]
        return contradicts(declared, cell) ? [`${door.label} as ${caller.name}: ${cell}, declared ${declared}`] : []
      }),
    )
    expect(wrong).toEqual([])
  })

  test(`Each of ${doors.length} routes answers each of ${callers.length} callers as the table states: ${doors.length * callers.length} cells (I12, I16)`, async () => {
    const { cells, faults } = await walkDoors(server().url, ground, doors, stated)
    const measured = ({ label }: Door): readonly string[] => cells.get(label) ?? []
    expect(differences(doors, measured, stated)).toEqual([])
    expect(faults).toEqual([])
    // No update flag on purpose: a changed cell is a changed policy, and a person reads it.
    expect(renderTable(doors, measured).split('\n')).toEqual(reviewed.split('\n'))
    expect([...cells.values()].flat()).toHaveLength(doors.length * callers.length)
  }, 300_000)
})

/** A server that gives every request the same answer. */
async function startStandIn(status: number, body: () => unknown): Promise<string> {
  const standIn = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body()))
  })
  await once(standIn.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    standIn.close()
    standIn.closeAllConnections()
  })
  return `http://127.0.0.1:${(standIn.address() as AddressInfo).port}`
}

describe('the walk', () => {
  const reads = doors.filter(({ route }) => route.method === 'get' && route.path.startsWith('/api/companies/:companyId'))

  test('A server that lets every caller in is found in every cell that refuses', async () => {
    const { cells } = await walkDoors(await startStandIn(200, () => ({})), ground, reads, stated)
    const refused = reads.flatMap((door) => stated(door)).filter((cell) => cell !== 'yes')
    expect(refused.length).toBeGreaterThan(100)
    expect(differences(reads, ({ label }) => cells.get(label) ?? [], stated)).toHaveLength(refused.length)
  })

  test('A server that names another company, or shows that a foreign row is not missing, is found although its cells are right', async () => {
    const door = reads.filter(({ label }) => label === 'GET /companies/:companyId/issues')
    const url = await startStandIn(404, () => ({ code: 'not_found', error: randomUUID(), near: ground.foreign.companyId }))
    const { cells, faults } = await walkDoors(url, ground, door, () => callers.map(() => '404'))
    expect(
      differences(
        door,
        ({ label }) => cells.get(label) ?? [],
        () => callers.map(() => '404'),
      ),
    ).toEqual([])
    const members = callers.filter(({ isElsewhere = false, seesAll = false }) => !isElsewhere && !seesAll)
    expect(faults.filter((fault) => fault.includes('of another company'))).toHaveLength(members.length)
    expect(faults.filter((fault) => fault.includes('a missing row is'))).toHaveLength(callers.length)
  })
})
