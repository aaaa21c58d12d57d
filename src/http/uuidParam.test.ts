import { describe, expect, test } from 'vitest'
import { uuidParam } from './uuidParam.ts'

describe('uuidParam', () => {
  test('A UUID is returned in lower case, and any other value is refused', () => {
    expect(uuidParam({ id: 'A0000000-0000-4000-8000-00000000000F' }, 'id')).toBe('a0000000-0000-4000-8000-00000000000f')
    for (const params of [{ id: 'nope' }, { id: '' }, {}]) expect(() => uuidParam(params, 'id')).toThrow('Malformed id')
  })
})
