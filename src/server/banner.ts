import type { Isolation } from '../adapters/isolation/index.ts'

interface BannerFacts {
  readonly url: string
  /** A description of the database. Never its URL, which may contain a password. */
  readonly database: string
  readonly home: string
  readonly version: string
  readonly isolation: Pick<Isolation, 'kind' | 'reason'>
}

/** Bold, where agents can do whatever this server can. */
const agentsLine = ({ kind, reason }: BannerFacts['isolation']): string =>
  kind === 'none'
    ? `\u001B[1mnot isolated: agents share the server's account and can read and do all that it can (${reason})\u001B[0m`
    : `${kind}: ${reason}`

/** Returns the text for a person at a terminal when the server listens. */
export const banner = ({ url, database, home, version, isolation }: BannerFacts): string => `
  paperclip-server ${version}

  API       ${url}/api
  Document  ${url}/api/docs
  Database  ${database}
  Home      ${home}
  Agents    ${agentsLine(isolation)}

`
