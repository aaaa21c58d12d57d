import type { IncomingMessage } from 'node:http'

/**
 * Whether a browser sent the request because of a page that is not this server's (Fetch Metadata, `Sec-Fetch-Site`). A page of
 * another port of this host counts as foreign. Programs that are no browsers do not send the header.
 */
export function isFromForeignPage({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}
