import { existsSync } from 'node:fs'
import path from 'node:path'
import { z } from 'zod'
import type { keyCreatedView, keyItem } from '../../org/agents/views.ts'
import { keyScopes } from '../../platform/kernel/actor.ts'
import { command } from '../command.ts'
import { commandProblem, EXIT } from '../problem.ts'
import { oneLine, sentence } from '../screen.ts'
import { BOARD_TOKEN, readHomeToken } from '../server.ts'
import { agentIdOf, companyOption, yesOption } from '../subject.ts'
import { ago, fields, table } from '../table.ts'

type Key = z.output<typeof keyItem>
type CreatedKey = z.output<typeof keyCreatedView>

interface Whoami {
  readonly kind: string
  readonly credential: string
  readonly userId: string | null
  readonly agentId: string | null
  readonly mode: string
  readonly reason: string
  readonly modeReason: string
}

const agentOptions = { agent: z.string().min(1).describe('the agent, by name or id'), ...companyOption }

const whereToken = command({
  name: 'token where',
  summary: 'Show where the token of the board is, and as whom this command speaks',
  example: 'paperclip-server token where',
  options: z.object({}),
  run: async (io) => {
    const client = io.client()
    const file = path.join(io.home, BOARD_TOKEN)
    const caller = await client.get<Whoami>('/whoami')
    const data = { file, exists: existsSync(file), server: client.url, ...caller }
    const text = fields(io.screen, [
      ['file', data.exists ? file : `${file} (not there, or not readable for this account)`],
      ['server', client.url],
      ['caller', `${caller.kind}, by ${caller.credential.replaceAll('_', ' ')}: ${caller.reason}`],
      ['board', `${caller.mode}: ${caller.modeReason}`],
    ])
    return { data, text }
  },
})

const printToken = command({
  name: 'token print',
  summary: 'Print the token of the board from the home, for a pipe',
  details: 'It is the password of the administrator: give it to no agent. Without a pipe it asks first.',
  example: 'PAPERCLIP_API_KEY=$(paperclip-server token print) ./script.sh',
  options: z.object({ ...yesOption }),
  offline: true,
  run: async (io, { yes }) => {
    const token = readHomeToken(io.home)
    if (token === null)
      throw commandProblem(EXIT.bad, {
        message: `There is no token in ${io.home}`,
        next: 'give --home with the home of the server, as its account',
      })
    if (!(await io.confirm('Show it on this terminal?', yes || !io.screen.isTerminal))) return { exit: EXIT.usage }
    return { data: { token }, text: token }
  },
})

const listKeys = command({
  name: 'token ls',
  summary: 'List the keys of an agent',
  example: 'paperclip-server token ls scribe',
  options: z.object(agentOptions),
  positionals: ['agent'],
  run: async (io, { agent, company }) => {
    const keys = await io.client().get<Key[]>(`/agents/${await agentIdOf(io, agent, company)}/keys`)
    const text = table(
      io.screen,
      keys,
      [
        { title: 'key', value: ({ id }) => id },
        { title: 'name', value: ({ name }) => name, gives: true },
        { title: 'state', value: ({ revokedAt }) => (revokedAt === null ? 'valid' : { text: 'revoked', tone: 'quiet' }) },
        { title: 'created', value: ({ createdAt }) => ago(createdAt, io.now()) },
        { title: 'used', value: ({ lastUsedAt }) => ago(lastUsedAt, io.now()) },
        { title: 'expires', value: ({ expiresAt }) => expiresAt },
        { title: 'scopes', value: ({ scopes }) => scopes?.join(', ') ?? 'all' },
      ],
      'The agent has no key.',
    )
    return { data: keys, text }
  },
})

const createKey = command({
  name: 'token create',
  summary: 'Create a key for an agent, and print it once',
  example: 'paperclip-server token create scribe --name laptop --expires-at 2027-01-01T00:00:00Z',
  options: z.object({
    ...agentOptions,
    name: z.string().min(1).max(200).default('default').describe('a name for the list of keys'),
    expiresAt: z.string().optional().describe('when it ends; without it never'),
    scope: z.array(z.enum(keyScopes)).default([]).describe('what it may do; without it everything the agent may'),
  }),
  positionals: ['agent'],
  run: async (io, { agent, company, name, expiresAt, scope }) => {
    const id = await agentIdOf(io, agent, company)
    const key = await io.client().post<CreatedKey>(`/agents/${id}/keys`, {
      name,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(scope.length === 0 ? {} : { scopes: scope }),
    })
    if (!io.json) io.note(sentence`The key ${key.id} is shown once:`)
    return { data: key, text: oneLine(key.token) }
  },
})

const revokeKey = command({
  name: 'token revoke',
  summary: 'Revoke a key of an agent',
  example: 'paperclip-server token revoke scribe 0197f0c2-7c1e-7b52-9d55-2b1f0f5f6a10 --yes',
  options: z.object({ ...agentOptions, key: z.uuid().describe('the id of the key'), ...yesOption }),
  positionals: ['agent', 'key'],
  run: async (io, { agent, company, key, yes }) => {
    const id = await agentIdOf(io, agent, company)
    if (!(await io.confirm(`Revoke the key ${key}? What uses it is refused at once.`, yes)))
      return { data: { revoked: false }, text: 'Nothing was changed.', exit: EXIT.usage }
    await io.client().remove(`/agents/${id}/keys/${key}`)
    return { data: { revoked: true, id: key }, text: 'The key is revoked.' }
  },
})

export const tokenCommands = [whereToken, printToken, listKeys, createKey, revokeKey]
