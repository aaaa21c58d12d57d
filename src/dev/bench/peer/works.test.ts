import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { play } from '../play.ts'
import type { LoadTurn } from '../load.ts'
import { workFolder } from '../../testing/workFolder.ts'
import { useServer } from '../../testing/world.ts'
import { prepareSide } from './company.ts'
import type { Prepared } from './company.ts'
import { noteStart, works } from './works.ts'

const server = useServer()
const TURNS = 2

/** One more answer of each status than there was. */
const withOneMore = (turn: LoadTurn): LoadTurn => ({
  ...turn,
  times: [...turn.times, 1],
  statuses: Object.fromEntries(Object.entries(turn.statuses).map(([status, count]) => [status, count + 1])),
})

describe('the works that both servers are driven with', () => {
  let port = 0
  let side: Prepared

  beforeAll(async () => {
    port = Number(new URL(server().url).port)
    const folder = path.join(workFolder, 'works')
    mkdirSync(folder, { recursive: true })
    side = await prepareSide({ name: 'ours', port, folder }, { issues: 36, toTake: 1, toKeep: 1, few: 3 })
    await noteStart(side)
  }, 120_000)

  const turnsOf = async (work: (typeof works)[number]): Promise<LoadTurn[]> => {
    const turns: LoadTurn[] = []
    for (let index = 0; index < TURNS; index += 1)
      turns.push(await play({ port, durationMs: 5, ...work.job(side, { index, count: TURNS }) }))
    return turns
  }

  test.each(works)('Every request of $name is answered as expected, and its effect is found', async (work) => {
    const turns = await turnsOf(work)
    expect(turns.every(({ times }) => times.length > 0)).toBe(true)
    await work.check?.(side, turns)
  })

  test.each(works.filter(({ name }) => ['PATCH', 'comment', 'create issue'].includes(name)))(
    'An acknowledged request of $name without its effect is found',
    async (work) => {
      const before = await prepareSide(
        { name: 'ours', port, folder: path.join(workFolder, 'works') },
        { issues: 36, toTake: 1, toKeep: 1, few: 3 },
      )
      await noteStart(before)
      const turn = await play({ port, durationMs: 5, ...work.job(before, { index: 0, count: 1 }) })
      await expect(work.check?.(before, [withOneMore(turn)])).rejects.toThrow(/found \d+, expected \d+/)
    },
    60_000,
  )

  test('A race without exactly one winner is found', async () => {
    const race = works.find(({ name }) => name.startsWith('race'))
    const turn = { times: [1], elapsedMs: 1, generatorCpuMs: 0, bodyBytes: 0 }
    for (const statuses of [{ 409: 16 }, { 200: 2, 409: 14 }])
      await expect(race?.check?.(side, [{ ...turn, statuses }])).rejects.toThrow('of a race')
    await race?.check?.(side, [{ ...turn, statuses: { 200: 1, 409: 15 } }])
  })
})
