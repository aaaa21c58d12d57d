import { describe, expect, test } from 'vitest'
import { createBoundedCache } from './boundedCache.ts'

describe('createBoundedCache', () => {
  test('A full cache evicts the entry that was written longest ago, whether or not it was read since', () => {
    const evicted: [string, number][] = []
    const cache = createBoundedCache<string, number>(2, (key, value) => evicted.push([key, value]))
    cache.set('a', 1)
    cache.set('b', 2)
    expect(cache.get('a')).toBe(1)
    cache.set('c', 3)
    expect(evicted).toEqual([['a', 1]])
    expect([cache.has('a'), cache.get('b'), cache.get('c'), cache.size()]).toEqual([false, 2, 3, 2])
  })

  test('Writing an entry again makes it the newest and evicts no other', () => {
    const evicted: string[] = []
    const cache = createBoundedCache<string, number>(2, (key) => evicted.push(key))
    cache.set('a', 1)
    cache.set('b', 2)
    cache.set('a', 3)
    expect(evicted).toEqual([])
    cache.set('c', 4)
    expect(evicted).toEqual(['b'])
    expect(cache.get('a')).toBe(3)
  })

  test('Deleted entries and a cleared cache make room without an eviction', () => {
    const evicted: string[] = []
    const cache = createBoundedCache<string, number>(1, (key) => evicted.push(key))
    cache.set('a', 1)
    cache.delete('a')
    cache.set('b', 2)
    cache.clear()
    cache.set('c', 3)
    expect(evicted).toEqual([])
    expect(cache.size()).toBe(1)
  })
})
