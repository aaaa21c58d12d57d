// `npm run admin -- …`: what an operator does for people on the host of a running server, with the token of the board.

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { isStartProblem } from '../platform/kernel/startProblem.ts'

const USAGE = `Usage: npm run admin -- COMMAND
  list                    the people who have an account
  invite                  an invitation for an administrator of the instance, as a link to copy
  promote PERSON          makes a person an administrator of the instance
  reset-password PERSON   a link with which a person sets a new password; a second factor stays
  remove-second-factor PERSON
                          takes the second factor off a person who has lost it, and ends all of its sessions
  rotate-run-keys [WHEN]  a new key for run tokens (PAPERCLIP_AGENT_JWT_ALG=EdDSA), which signs after WHEN minutes, or ten; the tokens of
                          the keys of before stay valid until they end. With now in the place of WHEN they are refused at once
  secrets rotate-master-key
                          a new master key of secrets, while servers run; the old one opens nothing any more

PERSON is an id or an e-mail address. The server is the one at PAPERCLIP_API_URL, or at PORT of this machine; the token of the board
is PAPERCLIP_BOARD_TOKEN, or in the file board-token of PAPERCLIP_HOME. rotate-run-keys needs no server: it changes the file
agent-jwt-keys of PAPERCLIP_HOME, or the one at PAPERCLIP_AGENT_JWT_KEYS_FILE.
`

interface Account {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly isInstanceAdmin: boolean
  readonly hasSecondFactor: boolean
}

/** An answer that is a refusal, or a server that cannot be reached, as a sentence. */
class Problem extends Error {}

const { env } = process

const home = env['PAPERCLIP_HOME'] ?? path.join(homedir(), '.paperclip-server')

function boardToken(): string {
  const given = env['PAPERCLIP_BOARD_TOKEN']
  if (given !== undefined && given !== '') return given
  const file = env['PAPERCLIP_BOARD_TOKEN_FILE'] ?? path.join(home, 'board-token')
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    const hint = 'run this as the account of the server, with its PAPERCLIP_HOME'
    throw new Problem(`The token of the board cannot be read (${(error as Error).message}): ${hint}`)
  }
}

const base = (env['PAPERCLIP_API_URL'] ?? `http://127.0.0.1:${env['PORT'] ?? '3100'}`).replace(/\/+$/, '')

/** Sends a request with the token of the board. */
async function send(method: 'GET' | 'POST', route: string): Promise<Response> {
  const headers = { authorization: `Bearer ${boardToken()}`, ...(method === 'POST' ? { 'content-type': 'application/json' } : {}) }
  return await fetch(`${base}/api${route}`, { method, headers, ...(method === 'POST' ? { body: '{}' } : {}) }).catch(() => {
    throw new Problem(`No server answers at ${base}: start it, or set PORT or PAPERCLIP_API_URL to where it is`)
  })
}

/** The body of an answer. */
async function bodyOf<T>(answer: Response): Promise<T> {
  const body = (await answer.json().catch(() => {
    throw new Problem(`What answers at ${base} is not this server`)
  })) as T & { readonly error?: string }
  if (answer.status === 401) throw new Problem(`The server at ${base} has another token of the board: set PAPERCLIP_HOME to its home`)
  if (!answer.ok) throw new Problem(body.error ?? `The server answered with ${answer.status}`)
  return body
}

const post = async <T>(route: string): Promise<T> => await bodyOf<T>(await send('POST', route))

/** Every account, page by page. */
async function* accounts(): AsyncGenerator<Account> {
  let next: string | undefined = '/admin/users?limit=1000'
  while (next !== undefined) {
    const answer = await send('GET', next)
    yield* await bodyOf<Account[]>(answer)
    next = /<\/api([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]
  }
}

async function findPerson(asked: string | undefined): Promise<Account> {
  if (asked === undefined) throw new Problem(`PERSON is missing\n${USAGE}`)
  for await (const account of accounts()) if (account.id === asked || account.email === asked.toLowerCase()) return account
  throw new Problem(`No account has the id or the e-mail address ${asked}`)
}

/** Refuses a server where no person could use what the command makes. */
async function requirePeople(): Promise<void> {
  const { deploymentMode } = await bodyOf<{ deploymentMode: string }>(await send('GET', '/health'))
  if (deploymentMode !== 'authenticated')
    throw new Problem('People do not sign in to this server: PAPERCLIP_DEPLOYMENT_MODE is local_trusted')
}

const commands: Readonly<Record<string, (argument: string | undefined) => Promise<string>>> = {
  async list() {
    const lines: string[] = []
    for await (const { id, email, name, isInstanceAdmin, hasSecondFactor } of accounts())
      lines.push(`${id}  ${email}  ${name}${isInstanceAdmin ? '  administrator' : ''}${hasSecondFactor ? '  second factor' : ''}`)
    return lines.length === 0 ? 'No person has an account.' : lines.join('\n')
  },
  async invite() {
    const { url, expiresAt } = await post<{ url: string; expiresAt: string }>('/instance/bootstrap-invites')
    return `${url}\nIt can be accepted once, until ${expiresAt}.`
  },
  async promote(argument) {
    const { id, email } = await findPerson(argument)
    await post(`/admin/users/${id}/promote-instance-admin`)
    return `${email} is an administrator of the instance.`
  },
  async 'reset-password'(argument) {
    const { id, hasSecondFactor } = await findPerson(argument)
    const { url, expiresAt } = await post<{ url: string; expiresAt: string }>(`/admin/users/${id}/reset-links`)
    const stays = '\nThe second factor stays. If the person has lost it, too: npm run admin -- remove-second-factor PERSON'
    return `${url}\nIt works once, until ${expiresAt}.${hasSecondFactor ? stays : ''}`
  },
  async 'remove-second-factor'(argument) {
    const { id, email } = await findPerson(argument)
    const { ended } = await post<{ ended: number }>(`/admin/users/${id}/remove-second-factor`)
    return `${email} signs in with the password alone. ${ended} of its sessions ended.`
  },
  async 'rotate-run-keys'(argument) {
    const { rotateRunKeysOnHost } = await import('./rotateRunKeys.ts')
    return rotateRunKeysOnHost(env, home, argument)
  },
  async secrets(argument) {
    if (argument !== 'rotate-master-key') throw new Problem(USAGE)
    const { masterKeyId, dataKeys } = await post<{ masterKeyId: string; dataKeys: number }>('/instance/secrets/rotate-master-key')
    return `The master key ${masterKeyId} wraps the keys of ${dataKeys} companies. Back it up, and destroy the backups of the key before.`
  },
}

const [name = '', argument] = process.argv.slice(2)
const command = Object.hasOwn(commands, name) ? commands[name] : undefined
try {
  if (command === undefined) throw new Problem(USAGE)
  if (name !== 'rotate-run-keys' && name !== 'secrets') await requirePeople()
  process.stdout.write(`${await command(argument)}\n`)
} catch (error) {
  if (!(error instanceof Problem) && !isStartProblem(error)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
