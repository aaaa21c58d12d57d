// Where webhooks may go: the rule of the http adapter, and https unless the operator has listed the place.

import { isIP } from 'node:net'
import { hostOf } from '../../adapters/index.ts'
import type { Outbound } from '../../adapters/index.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { withTimeout } from '../../platform/kernel/timeout.ts'

/** How long a request waits for a name server. Each delivery looks the name up again. */
const LOOKUP_TIMEOUT_MS = 3000

/**
 * The addresses to which messages for a URL may go. Over http everybody on the way reads the events, so it needs an entry in the list of the
 * operator (`PAPERCLIP_ADAPTER_ADDRESSES`), which vouches for the way as well.
 */
export const policyFor = ({ policy }: Outbound, url: URL): { permits: (host: string, address: string) => boolean } =>
  url.protocol === 'https:' ? policy : { permits: (host, address) => policy.lists(host, address) }

const isWeb = (url: URL): boolean => url.protocol === 'https:' || url.protocol === 'http:'

const refuseAddress = (url: URL): never =>
  refuse('address_not_allowed', {
    details: { host: url.host },
    message:
      url.protocol === 'https:'
        ? `This server does not send to ${url.host}: its address is not public`
        : 'Webhooks need https, unless the operator lists the address in PAPERCLIP_ADAPTER_ADDRESSES',
  })

/** The addresses of a host; none when the name cannot be looked up now. */
async function lookUp({ resolve }: Outbound, host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host]
  const found = resolve(host).then(
    (all) => all.map(({ address }) => address),
    () => [],
  )
  return await withTimeout(found, LOOKUP_TIMEOUT_MS, () => [])
}

/**
 * Checks a URL before it is stored, so that a mistake is seen at once. Each delivery checks the address that it connects to.
 * @returns the URL as it is stored
 * @throws Refusal `unprocessable` for what is no web address, or has a user or a fragment; `address_not_allowed`
 */
export async function checkTarget(outbound: Outbound, text: string): Promise<string> {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !isWeb(url)) return refuse('unprocessable', { message: 'The URL of a webhook begins with https://' })
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    return refuse('unprocessable', { message: 'The URL of a webhook has no user, no password and no fragment' })
  const host = hostOf(url)
  const addresses = await lookUp(outbound, host)
  const policy = policyFor(outbound, url)
  const isAllowed = addresses.length === 0 ? url.protocol === 'https:' : addresses.some((address) => policy.permits(host, address))
  return isAllowed ? url.href : refuseAddress(url)
}

/** The part of a URL that may be shown to every reader of the record: a path and a query are often the secret of the receiver. */
export const originOf = (url: string): string => new URL(url).origin
