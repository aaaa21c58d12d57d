import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { createAddressOf } from './clientAddress.ts'

const request = (remoteAddress: string | undefined, forwarded?: string): IncomingMessage =>
  ({ socket: { remoteAddress }, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage

test.each([
  [[], '203.0.113.1', '192.0.2.1', '203.0.113.1'],
  [['127.0.0.1'], '203.0.113.1', '192.0.2.1', '203.0.113.1'],
  [['127.0.0.1'], '127.0.0.1', undefined, '127.0.0.1'],
  [['127.0.0.1'], '::ffff:127.0.0.1', '192.0.2.1', '192.0.2.1'],
  [['127.0.0.1', '10.0.0.0/8'], '127.0.0.1', '203.0.113.9, 192.0.2.1, 10.1.2.3', '192.0.2.1'],
  [['127.0.0.1'], '127.0.0.1', '192.0.2.1, not an address', '127.0.0.1'],
  [['127.0.0.1'], '127.0.0.1', '::ffff:192.0.2.1', '192.0.2.1'],
  [['2001:db8::/32'], '2001:db8::1', '2001:db9::5', '2001:db9::5'],
  [['10.0.0.0/8'], '10.0.0.1', '10.0.0.2, 10.0.0.3', '10.0.0.1'],
])('With the proxies %j the peer %s and the header %j mean the client %s', (trusted, peer, forwarded, client) => {
  expect(createAddressOf(trusted)(request(peer, forwarded))).toBe(client)
})

test('A connection that has ended has no address, and its request is counted as one', () => {
  expect(createAddressOf(['127.0.0.1'])(request(undefined, '192.0.2.1'))).toBe('0.0.0.0')
})
