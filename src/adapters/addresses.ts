import { BlockList, isIP } from 'node:net'

/** Decides to which addresses this server connects when a configuration contains a URL. */
export interface AddressPolicy {
  /**
   * @param host the host of the URL; an address is written without its brackets
   * @param address the address that the connection would use
   */
  permits(host: string, address: string): boolean
  /** Whether the operator's list has the host or the address. Any other one that `permits` allows is public. */
  lists(host: string, address: string): boolean
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

function blockList(subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [net = '', prefix] = subnet.split('/')
    if (prefix === undefined) list.addAddress(net, familyOf(net))
    else list.addSubnet(net, Number(prefix), familyOf(net))
  }
  return list
}

/**
 * IPv4 ranges that are not public: this host, private, shared, link-local, documentation, benchmarking, multicast, reserved.
 * The list is our own: `range()` of ipaddr.js 1.9.1 reports 198.18.0.0/15, ::7f00:1, 64:ff9b:1::/48, 100::/64, fec0::/10,
 * 3fff::/20 and everything outside 2000::/3 as ordinary unicast.
 */
const notPublic4 = blockList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])

/**
 * For IPv6 the list names what is public: only global unicast. Unique local, link-local, multicast, IPv4-mapped and translated
 * addresses then need no list, which could be incomplete.
 */
const public6 = blockList(['2000::/3'])
/** Exceptions within 2000::/3: protocol assignments with Teredo, documentation, and 6to4, which contains any IPv4 address. */
const notPublic6 = blockList(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])

/** Whether an address belongs to the public internet. A text that is no address does not. */
export function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !notPublic4.check(address, 'ipv4')
  return isIP(address) === 6 && public6.check(address, 'ipv6') && !notPublic6.check(address, 'ipv6')
}

const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}[a-z0-9_])?)*$/

/** Whether an entry of the operator's list is an address, a subnet (`10.0.0.0/8`), or a host name. */
export function isAllowEntry(entry: string): boolean {
  const [net = '', prefix, ...rest] = entry.split('/')
  if (prefix === undefined) return isIP(net) !== 0 || hostName.test(net)
  return rest.length === 0 && isIP(net) !== 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIP(net) === 4 ? 32 : 128)
}

const plainHost = (host: string): string => host.toLowerCase().replace(/\.$/, '')

/**
 * Permits public addresses and the entries of the operator: addresses, subnets, and host names. An allowed host name may resolve
 * to any address.
 * @throws when an entry is invalid; `isAllowEntry` checks that in advance
 */
export function addressPolicy(allowed: readonly string[]): AddressPolicy {
  const invalid = allowed.find((entry) => !isAllowEntry(plainHost(entry)))
  if (invalid !== undefined) throw new Error(`not an address, a subnet or a host name: ${invalid}`)
  const addresses = blockList(allowed.filter((entry) => isIP(entry.split('/')[0] ?? '') !== 0))
  const names = new Set(allowed.map(plainHost))
  const lists = (host: string, address: string): boolean =>
    isIP(address) !== 0 && (names.has(plainHost(host)) || addresses.check(address, familyOf(address)))
  return { permits: (host, address) => isPublic(address) || lists(host, address), lists }
}
