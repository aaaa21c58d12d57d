import { expect, test } from 'vitest'
import { createPageLanes } from './pageLanes.ts'

const agent = (key: string) => ({ key, isAgent: true })

/** Works that go on until the test ends them. */
function openWorks() {
  const ends: (() => void)[] = []
  return {
    ends,
    work: () => new Promise<void>((resolve) => ends.push(resolve)),
  }
}

test('Two pages of one agent are in the making at once, those of another agent and of people do not wait for them', async () => {
  const lanes = createPageLanes()
  const first = openWorks()
  const runs = Array.from({ length: 5 }, () => lanes.run(agent('a'), first.work))
  expect(await lanes.run(agent('b'), async () => 'other')).toBe('other')
  expect(first.ends).toHaveLength(2)
  const people = openWorks()
  const peopleRuns = Array.from({ length: 5 }, () => lanes.run({ key: 'a', isAgent: false }, people.work))
  expect(people.ends).toHaveLength(5)
  for (const end of people.ends) end()
  await Promise.all(peopleRuns)
  for (let ended = 0; ended < runs.length; ended += 1) {
    expect(first.ends.length - ended).toBeLessThanOrEqual(2)
    first.ends[ended]?.()
    await runs[ended]
  }
})

test('A page that fails gives its place to the next', async () => {
  const lanes = createPageLanes()
  const failing = Array.from({ length: 4 }, () => lanes.run(agent('a'), () => Promise.reject(new Error('no page'))))
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'))
  expect(await lanes.run(agent('a'), async () => 'next')).toBe('next')
})
