import { describe, expect, test } from 'vitest'
import { createResponsiveness, responsivenessOf } from './responsiveness.ts'

describe('how fast a database answers', () => {
  test('A limit grows with the slowest session, is bounded, and shrinks again with time (K49)', () => {
    let now = 0
    const responsiveness = createResponsiveness(() => now)
    expect(responsiveness.limit(450)).toBe(450)
    responsiveness.noteSession(5)
    expect(responsiveness.limit(450)).toBe(450)
    responsiveness.noteSession(300)
    responsiveness.noteSession(10)
    expect(responsiveness.limit(450)).toBe(1200)
    now += 30_000
    expect(responsiveness.limit(450)).toBe(600)
    responsiveness.noteSession(60_000)
    expect(responsiveness.limit(450)).toBe(4000)
    now += 600_000
    expect(responsiveness.limit(450)).toBe(450)
  })

  test('Pools of one address share what is known of it, and pools of two addresses do not', () => {
    const target = { host: '127.0.0.1', port: 1 }
    expect(responsivenessOf({ ...target, max: 3 })).toBe(responsivenessOf({ ...target, max: 4 }))
    expect(responsivenessOf({ ...target, port: 2 })).not.toBe(responsivenessOf(target))
  })
})
