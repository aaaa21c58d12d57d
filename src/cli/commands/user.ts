import { z } from 'zod'
import type { accountView, resetLinkView } from '../../org/people/views.ts'
import { command } from '../command.ts'
import type { Io } from '../io.ts'
import { commandProblem, EXIT, usageProblem } from '../problem.ts'
import { oneLine, sentence } from '../screen.ts'
import { limitOption, yesOption } from '../subject.ts'
import { ago, table } from '../table.ts'

type Account = z.output<typeof accountView>

/** More accounts are not looked through. */
const MAX_ACCOUNTS = 100_000

const personOption = { person: z.string().min(1).describe('the person, by id or e-mail address') }

/** Refuses a server where no person could use what the command makes. */
async function requirePeople(io: Io): Promise<void> {
  const { deploymentMode } = await io.client().get<{ deploymentMode: string }>('/health')
  if (deploymentMode !== 'authenticated')
    throw commandProblem(EXIT.refused, {
      message: 'People do not sign in to this server: PAPERCLIP_DEPLOYMENT_MODE is local_trusted',
      next: 'start it with PAPERCLIP_DEPLOYMENT_MODE=authenticated',
    })
}

async function findPerson(io: Io, asked: string): Promise<Account> {
  await requirePeople(io)
  const accounts = await io.client().list<Account>('/admin/users', MAX_ACCOUNTS)
  const found = accounts.find(({ id, email }) => id === asked || email === asked.toLowerCase())
  if (found === undefined)
    throw usageProblem(`No account has the id or the e-mail address ${oneLine(asked)}`, 'paperclip-server user ls lists them')
  return found
}

const listUsers = command({
  name: 'user ls',
  summary: 'List the people who have an account',
  example: 'paperclip-server user ls',
  options: z.object({ ...limitOption(MAX_ACCOUNTS) }),
  run: async (io, { limit }) => {
    await requirePeople(io)
    const accounts = await io.client().list<Account>('/admin/users', limit)
    const text = table(
      io.screen,
      accounts,
      [
        { title: 'id', value: ({ id }) => id },
        { title: 'e-mail', value: ({ email }) => email },
        { title: 'name', value: ({ name }) => name, gives: true },
        { title: 'administrator', value: ({ isInstanceAdmin }) => (isInstanceAdmin ? 'yes' : null) },
        { title: 'second factor', value: ({ hasSecondFactor }) => (hasSecondFactor ? 'yes' : null) },
      ],
      'No person has an account.',
    )
    return { data: accounts, text }
  },
})

const invite = command({
  name: 'user invite',
  summary: 'Make an invitation for an administrator of the instance, as a link to copy',
  details: 'The invitation of before is revoked. The link is a credential: it can be accepted once.',
  example: 'paperclip-server user invite',
  options: z.object({}),
  run: async (io) => {
    await requirePeople(io)
    const invitation = await io.client().post<{ url: string; expiresAt: string }>('/instance/bootstrap-invites')
    if (!io.json) io.note(`It can be accepted once, and ends ${ago(invitation.expiresAt, io.now())}:`)
    return { data: invitation, text: oneLine(invitation.url) }
  },
})

const promote = command({
  name: 'user promote',
  summary: 'Make a person an administrator of the instance',
  example: 'paperclip-server user promote ada@example.com --yes',
  options: z.object({ ...personOption, ...yesOption }),
  positionals: ['person'],
  run: async (io, { person, yes }) => {
    const { id, email } = await findPerson(io, person)
    if (!(await io.confirm(sentence`Make ${email} an administrator of everything?`, yes)))
      return { data: { promoted: false }, text: 'Nothing was changed.', exit: EXIT.usage }
    await io.client().post(`/admin/users/${id}/promote-instance-admin`)
    return { data: { promoted: true, id, email }, text: sentence`${email} is an administrator of the instance.` }
  },
})

const resetPassword = command({
  name: 'user reset-password',
  summary: 'Make a link with which a person sets a new password',
  details: 'A second factor stays. The link is a credential: it works once.',
  example: 'paperclip-server user reset-password ada@example.com',
  options: z.object(personOption),
  positionals: ['person'],
  run: async (io, { person }) => {
    const { id, hasSecondFactor } = await findPerson(io, person)
    const link = await io.client().post<z.output<typeof resetLinkView>>(`/admin/users/${id}/reset-links`)
    if (!io.json) {
      io.note(`It works once, and ends ${ago(link.expiresAt, io.now())}:`)
      if (hasSecondFactor) io.note('The second factor stays. If the person has lost it, too: paperclip-server user remove-second-factor')
    }
    return { data: { url: link.url, expiresAt: link.expiresAt, hasSecondFactor }, text: oneLine(link.url) }
  },
})

const removeFactor = command({
  name: 'user remove-second-factor',
  summary: 'Take the second factor off a person who has lost it, and end its sessions',
  example: 'paperclip-server user remove-second-factor ada@example.com --yes',
  options: z.object({ ...personOption, ...yesOption }),
  positionals: ['person'],
  run: async (io, { person, yes }) => {
    const { id, email } = await findPerson(io, person)
    if (!(await io.confirm(sentence`Let ${email} sign in with the password alone?`, yes)))
      return { data: { removed: false }, text: 'Nothing was changed.', exit: EXIT.usage }
    const { ended } = await io.client().post<{ ended: number }>(`/admin/users/${id}/remove-second-factor`)
    return {
      data: { removed: true, id, ended },
      text: sentence`${email} signs in with the password alone. ${ended} of its sessions ended.`,
    }
  },
})

export const userCommands = [listUsers, invite, promote, resetPassword, removeFactor]
