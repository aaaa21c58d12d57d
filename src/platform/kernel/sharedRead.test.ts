import { expect, test } from 'vitest'
import { createSharedRead, createSharedReads } from './sharedRead.ts'

/** A read that the test ends, and the numbers of the reads that have begun. */
function controlledRead() {
  const ends: ((error?: Error) => void)[] = []
  const read = createSharedRead(
    () =>
      new Promise<number>((resolve, reject) => {
        const number = ends.length + 1
        ends.push((error) => (error === undefined ? resolve(number) : reject(error)))
      }),
  )
  return { ends, read }
}

test('A caller gets the result of a read that began after its call', async () => {
  const { ends, read } = controlledRead()
  const first = read()
  const second = read()
  const third = read()
  ends[0]?.()
  expect(await first).toBe(1)
  while (ends.length < 2) await new Promise(setImmediate)
  ends[1]?.()
  expect(await Promise.all([second, third])).toEqual([2, 2])
  expect(ends).toHaveLength(2)
})

test('A read that fails is reported to the callers that share it, and the next caller causes another', async () => {
  const { ends, read } = controlledRead()
  const first = read()
  ends[0]?.(new Error('unreadable'))
  await expect(first).rejects.toThrow('unreadable')
  const second = read()
  while (ends.length < 2) await new Promise(setImmediate)
  ends[1]?.()
  expect(await second).toBe(2)
})

test('Callers share a read with those who ask for the same, and one that has no callers left begins anew', async () => {
  const begun: string[] = []
  const ends: (() => void)[] = []
  const read = createSharedReads((key) => {
    begun.push(key)
    return new Promise<string>((resolve) => ends.push(() => resolve(`${key} ${begun.length}`)))
  })
  const asked = [read('a'), read('b'), read('a'), read('a')]
  expect(begun).toEqual(['a', 'b'])
  for (const end of ends) end()
  while (begun.length < 3) await new Promise(setImmediate)
  ends[2]?.()
  expect(await Promise.all(asked)).toEqual(['a 2', 'b 2', 'a 3', 'a 3'])
  const later = read('a')
  expect(begun).toEqual(['a', 'b', 'a', 'a'])
  ends[3]?.()
  expect(await later).toBe('a 4')
})
