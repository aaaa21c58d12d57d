import type { Isolation } from '../adapters/isolation/index.ts'

interface BannerFacts {
  readonly url: string
  /** A description of the database. Never its URL, which may contain a password. */
  readonly database: string
  readonly home: string
  readonly version: string
  readonly isolation: Pick<Isolation, 'kind' | 'reason'>
  /** One sentence that names the board. */
  readonly boardSentence: string
  /** The path of a one-time link that signs a browser in; null where the board needs none. */
  readonly signInPath: string | null
  /** The URL by which a person becomes the first administrator; null where there is one, or people do not sign in. */
  readonly claimUrl: string | null
}

const bold = (text: string): string => `\u001B[1m${text}\u001B[0m`

/** Bold, where agents can do whatever this server can. */
const agentsLine = ({ kind, reason }: BannerFacts['isolation']): string =>
  kind === 'none'
    ? bold(`not isolated: agents share the server's account and can read and do all that it can (${reason})`)
    : `${kind}: ${reason}`

/** Returns the text for a person at a terminal when the server listens. */
export const banner = ({ url, database, home, version, isolation, boardSentence, signInPath, claimUrl }: BannerFacts): string => `
  paperclip-server ${version}

  API       ${url}/api
  Document  ${url}/api/docs
  Database  ${database}
  Home      ${home}
  Agents    ${agentsLine(isolation)}
${signInPath === null ? '' : `  Sign in   ${url}${signInPath} (once, within ten minutes)\n`}${
  claimUrl === null ? '' : `  Claim     ${claimUrl} (the first to do so administers this server; within a day)\n`
}
  ${bold(boardSentence)}

`
