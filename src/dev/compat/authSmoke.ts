import { createCommand } from './commandLine.ts'
import type { Command } from './commandLine.ts'
import { findProblem, idOf } from './expected.ts'
import type { Report } from './report.ts'

// `paperclipai auth login`, `whoami` and `logout` against a server where people sign in.

/** A server that was started for the first time, with the URL that it printed to be claimed. */
interface UnclaimedServer {
  readonly base: string
  readonly claimUrl: string
}

const EMAIL = 'ada@example.com'

/** A browser that shows pages of the server. */
interface Browser {
  /** Sends what a page sends. @returns the answer @throws on any error status */
  send(method: string, path: string, body?: object): Promise<unknown>
}

function createBrowser(base: string): Browser {
  const cookies = new Map<string, string>()
  return {
    async send(method, path, body) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const response = await fetch(`${base}/api${path}`, {
        method,
        headers: { origin: base, cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      for (const line of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        cookies.set(name, value)
      }
      const answer: unknown = await response.json()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
      return answer
    },
  }
}

/** Ada makes an account, claims the server by the URL that it printed, and creates a company. */
async function claimServer(
  { claimUrl }: UnclaimedServer,
  browser: Browser,
  report: Report,
): Promise<{ userId: string; companyId: string }> {
  await browser.send('POST', '/auth/sign-up/email', { name: 'Ada', email: EMAIL, password: 'a sentence of words' })
  const { pathname, searchParams } = new URL(claimUrl)
  const claimed = await browser.send('POST', `${pathname}/claim`, { code: searchParams.get('code') ?? '' })
  report.record('browser: claim the server', findProblem(claimed, { like: { claimed: true } }))
  const companyId = idOf(await browser.send('POST', '/companies', { name: 'Acme' }))
  return { userId: (claimed as { userId: string }).userId, companyId }
}

const approvalPattern = /\/cli-auth\/([0-9a-f-]{36})\?token=(pcp_cli_auth_[0-9a-f]{48})/

/** Runs `auth login`, and approves it in the browser as soon as the command prints the address. */
async function logIn(commandLine: Command, browser: Browser, userId: string, flags: readonly string[] = []): Promise<void> {
  let approving: Promise<unknown> | undefined
  await commandLine(['auth', 'login', ...flags], {
    prints: `"userId": "${userId}"`,
    onErrorOutput(err) {
      const [, id, token] = approvalPattern.exec(err) ?? []
      if (id !== undefined) approving ??= browser.send('POST', `/cli-auth/challenges/${id}/approve`, { token })
    },
  })
  await approving
}

/** Tests the login of the published command line, which a person approves in a browser, and its end. */
export async function authSmoke(file: string, home: string, server: UnclaimedServer, report: Report): Promise<void> {
  const { base } = server
  const browser = createBrowser(base)
  const { userId, companyId } = await claimServer(server, browser, report)
  const commandLine = createCommand({ file, home, apiBase: base, report, key: undefined })
  await commandLine(['auth', 'whoami'], { refused: 'API error 401' })
  await logIn(commandLine, browser, userId)
  const identity = { userId, isInstanceAdmin: true, companyIds: { 0: companyId }, source: 'board_key', user: { email: EMAIL } }
  await commandLine(['auth', 'whoami'], { like: identity })
  await commandLine(['company', 'list'], { shape: 'company', includes: { id: companyId } })
  await commandLine(['issue', 'create', '-C', companyId, '--title', 'By Ada'], { shape: 'issue', like: { createdByUserId: userId } })
  await commandLine(['auth', 'logout'], { prints: ['"revoked": true', '"removedLocalCredential": true'] })
  await commandLine(['auth', 'whoami'], { refused: 'API error 401' })
  await logIn(commandLine, browser, userId, ['--instance-admin'])
  await commandLine(['auth', 'whoami'], { like: identity })
  // Ada ends what has signed in elsewhere, and the command line with it.
  await browser.send('POST', '/auth/revoke-other-sessions')
  await commandLine(['auth', 'whoami'], { refused: 'API error 401' })
}
