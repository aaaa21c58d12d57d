// The address from which a request came, where proxies that the operator trusts stand between.

import { BlockList, isIP } from 'node:net'
import type { IncomingMessage } from 'node:http'

/** Finds the address from which a request came. */
export type AddressOf = (request: IncomingMessage) => string

/** An IPv4 address that is written as one of IPv6 is the same address. */
const plain = (address: string): string => (address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address)

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/**
 * A proxy adds the address of its client behind those that the client sent. So the last one that is no trusted proxy's is believed, and
 * only when the connection itself comes from a trusted proxy.
 * @param trusted addresses and subnets of the proxies
 */
export function createAddressOf(trusted: readonly string[]): AddressOf {
  const proxies = new BlockList()
  for (const entry of trusted) {
    const [net = '', prefix] = entry.split('/')
    if (prefix === undefined) proxies.addAddress(net, familyOf(net))
    else proxies.addSubnet(net, Number(prefix), familyOf(net))
  }
  const isProxy = (address: string): boolean => isIP(address) !== 0 && proxies.check(address, familyOf(address))
  return ({ socket, headers }) => {
    const peer = plain(socket.remoteAddress ?? '0.0.0.0')
    if (trusted.length === 0 || !isProxy(peer)) return peer
    const hops = String(headers['x-forwarded-for'] ?? '')
      .split(',')
      .map((hop) => plain(hop.trim()))
    const client = hops.findLast((hop) => !isProxy(hop))
    return client === undefined || isIP(client) === 0 ? peer : client
  }
}
