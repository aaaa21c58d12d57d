import { expect, test } from 'vitest'
import { addressPolicy, isAllowEntry, isPublic } from './addresses.ts'
import { splitWords } from './testKit.ts'

test.each([
  ...splitWords('0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.255'),
  ...splitWords('169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1'),
  ...splitWords('198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255'),
  ...splitWords(':: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1'),
  ...splitWords('100::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 2001::1 2001:db8::1 2002:7f00:1:: 3fff::1'),
  ...splitWords('4000::1 localhost 127.1 0x7f000001 1.2.3.4.5'),
  '',
])('The address %j is not public and the default policy refuses it', (address) => {
  expect(isPublic(address)).toBe(false)
  expect(addressPolicy([]).permits('a.example', address)).toBe(false)
})

test.each([
  ...splitWords('1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0'),
  ...splitWords('169.253.255.255 172.15.255.255 172.32.0.0 192.167.255.255 198.17.255.255 198.20.0.0 223.255.255.255'),
  ...splitWords('2606:4700:4700::1111 2001:4860:4860::8888 2a00:1450:4001::1 2001:200::1 2003::1 3ffe::1'),
])('The address %s is public', (address) => {
  expect(isPublic(address)).toBe(true)
})

test('An operator allows addresses, subnets of both families, and host names that may resolve to any address', () => {
  const policy = addressPolicy(['127.0.0.1', '10.1.0.0/16', 'fd00::/8', 'Hooks.Internal'])
  const permitted = (host: string, ...addresses: string[]) => addresses.filter((address) => policy.permits(host, address))
  expect(permitted('a.example', '127.0.0.1', '127.0.0.2', '10.1.2.3', '10.2.0.1', 'fd12::1', 'fe80::1', '8.8.8.8')).toEqual(
    splitWords('127.0.0.1 10.1.2.3 fd12::1 8.8.8.8'),
  )
  expect(permitted('a.example', '::ffff:127.0.0.1', '::ffff:127.0.0.2')).toEqual(['::ffff:127.0.0.1'])
  expect(permitted('hooks.internal.', '192.168.0.1', '::1')).toEqual(['192.168.0.1', '::1'])
  expect(permitted('evil.hooks.internal', '192.168.0.1')).toEqual([])
})

test('An invalid entry is rejected, so that it cannot silently allow nothing or everything', () => {
  expect(['10.0.0.0/8', '::1', '::/0', 'a-b.example', 'localhost', '127.0.0.1'].every(isAllowEntry)).toBe(true)
  expect(['', '*', '10.0.0.0/33', '10.0.0/8', 'fd00::/129', 'a..b', 'http://a', 'a b', '10.0.0.0/8/8', 'a/8'].filter(isAllowEntry)).toEqual(
    [],
  )
  expect(() => addressPolicy(['*'])).toThrow('not an address')
})
