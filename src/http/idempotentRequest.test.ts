import { describe, expect, test } from 'vitest'
import { requestHashOf } from './idempotentRequest.ts'

describe('requestHashOf', () => {
  // The hashes of stored requests must be found again after an upgrade, so these values never change.
  test.each([
    [{}, undefined, '9DDmc9k6w_iAyLVSxyuNHiPFFONfZdd4-Fb29n8SY7g'],
    [
      {},
      { title: 'Write', 'ä"': [1, null, { b: 2, a: -0.5e-7 }], nested: { z: '\u2028', y: true } },
      'tYrqqLcX6dW0sW5-84CfGtCXtFxnlqEImKNWolt-fR0',
    ],
    [{ limit: '5', after: 'x' }, ['\u{1f642}'], 'Rwt-F5djJjNoZPL0SIMLwsi0vhlo7vvIvtghRz-sThU'],
  ])('The hash of query %j and body %j is the same in every version', (query, body, hash) => {
    expect(requestHashOf(query, body)).toBe(hash)
  })

  test('The order of keys does not change the hash, the order of a list does', () => {
    expect(requestHashOf({ a: '1', b: '2' }, { c: 1, d: { e: 2, f: 3 } })).toBe(
      requestHashOf({ b: '2', a: '1' }, { d: { f: 3, e: 2 }, c: 1 }),
    )
    expect(requestHashOf({}, [1, 2])).not.toBe(requestHashOf({}, [2, 1]))
  })
})
