import { z } from 'zod'
import type { secretView } from '../../org/secrets/views.ts'
import { command } from '../command.ts'
import { readFileAtMost } from '../inputFile.ts'
import type { Io } from '../io.ts'
import { EXIT, usageProblem } from '../problem.ts'
import { sentence } from '../screen.ts'
import { companyIdOf, companyOption, limitOption, yesOption } from '../subject.ts'
import { ago, table } from '../table.ts'

type Secret = z.output<typeof secretView>

/** The server refuses larger values. */
const MAX_VALUE_BYTES = 64 * 1024

const valueOptions = {
  valueFile: z.string().min(1).optional().describe('the file with the value; otherwise the standard input is read'),
  keepNewline: z.boolean().default(false).describe('keep a line end at the end of the value'),
}

/** The value of a secret. An argument would stand in the list of processes and in the history of the shell, so there is no option for it. */
async function valueOf(io: Io, { valueFile, keepNewline }: { valueFile?: string | undefined; keepNewline: boolean }): Promise<string> {
  const text =
    valueFile === undefined ? await io.readInput(MAX_VALUE_BYTES) : await readFileAtMost(valueFile, MAX_VALUE_BYTES, 'value-file')
  const value = keepNewline ? text : text.replace(/\r?\n$/, '')
  if (value === '') throw usageProblem('The value is empty')
  return value
}

const listSecrets = command({
  name: 'secrets ls',
  summary: 'List the secrets of a company by name, without their values',
  example: 'paperclip-server secrets ls',
  options: z.object({ ...companyOption, ...limitOption() }),
  run: async (io, { company, limit }) => {
    const secrets = await io.client().list<Secret>(`/companies/${await companyIdOf(io, company)}/secrets`, limit)
    const text = table(
      io.screen,
      secrets,
      [
        { title: 'name', value: ({ name }) => name },
        { title: 'provider', value: ({ provider }) => provider },
        { title: 'version', value: ({ latestVersion }) => latestVersion },
        { title: 'changed', value: ({ updatedAt }) => ago(updatedAt, io.now()) },
        { title: 'id', value: ({ id }) => id },
        { title: 'description', value: ({ description }) => description, gives: true },
      ],
      'The company has no secret.',
    )
    return { data: secrets, text }
  },
})

const createSecret = command({
  name: 'secrets create',
  summary: 'Create a secret; its value comes from the standard input or a file',
  example: [
    'pass show github | paperclip-server secrets create GITHUB_TOKEN',
    'paperclip-server secrets create DEPLOY_KEY --value-file id_ed25519 --keep-newline',
  ],
  options: z.object({
    name: z.string().min(1).max(200).describe('the name of the secret'),
    ...companyOption,
    description: z.string().max(10_000).optional().describe('what it is for'),
    ...valueOptions,
  }),
  positionals: ['name'],
  run: async (io, { name, company, description, ...source }) => {
    const companyId = await companyIdOf(io, company)
    const value = await valueOf(io, source)
    const secret = await io.client().post<Secret>(`/companies/${companyId}/secrets`, { name, value, description: description ?? null })
    return { data: secret, text: sentence`${secret.name} is kept.` }
  },
})

const rotateMasterKey = command({
  name: 'secrets rotate-master-key',
  summary: 'Make a new master key of secrets, while servers run',
  details: 'The old key opens nothing any more. Back the new one up, and destroy the backups of the one before.',
  example: 'paperclip-server secrets rotate-master-key --yes',
  options: z.object({ ...yesOption }),
  run: async (io, { yes }) => {
    if (!(await io.confirm('Make a new master key? Backups of the one before open nothing any more.', yes)))
      return { data: { rotated: false }, text: 'Nothing was changed.', exit: EXIT.usage }
    const rotated = await io.client().post<{ masterKeyId: string; dataKeys: number }>('/instance/secrets/rotate-master-key')
    const text = sentence`The master key ${rotated.masterKeyId} wraps the keys of ${rotated.dataKeys} companies. Back it up, and destroy the backups of the key before.`
    return { data: { rotated: true, ...rotated }, text }
  },
})

export const secretCommands = [listSecrets, createSecret, rotateMasterKey]
