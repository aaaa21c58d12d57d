// Making an account, signing in and changing a password: the limits first, then one hash, then one transaction.

import { sql } from 'drizzle-orm'
import type { z } from 'zod'
import { bySecret } from '../../auth/bySecret.ts'
import { logins, people, signIns } from '../../model/people.ts'
import type { Client } from '../../http/client.ts'
import { withCookies } from '../../http/setCookies.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import type { Outcome } from '../../platform/db/mutate.ts'
import { param, statement } from '../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../platform/db/types.ts'
import { invariant, refuse } from '../../platform/kernel/errors.ts'
import { inFlow } from './adapter.ts'
import type { CheckedPassword } from './adapter.ts'
import { createDevices } from './devices.ts'
import type { Devices } from './devices.ts'
import { headersFor } from './engine.ts'
import type { Engine } from './engine.ts'
import { ofInstance, passwordChanged, passwordChangeFailed, personInvited, sessionsEnded, signInFailed } from './events.ts'
import { requireInvitation, takeInvitation } from './invited.ts'
import { endKeys } from './keys.ts'
import { countAttempt, passwordLimits, sessionLimits, signInLimits, signUpLimits, takeBackAttempt } from './limits.ts'
import { hashed, isPassword } from './passwords.ts'
import type { PeopleSettings } from './peopleSettings.ts'
import { personById, sessionIdOf } from './queries.ts'
import { recordAlone } from './recordAlone.ts'
import { resetPassword } from './rescue.ts'
import { createSecondFactor } from './secondFactor/secondFactor.ts'
import type { SecondFactor } from './secondFactor/secondFactor.ts'
import type { ProvenSignIn } from './secondFactor/signIn.ts'
import { lockForNewSession } from './secondFactor/store.ts'
import type { signInView } from './secondFactor/views.ts'
import type { changePasswordBody, PersonView, resetPasswordBody, signedInView, signInBody, signUpBody } from './views.ts'

type SignedIn = z.output<typeof signedInView>

export interface Flows {
  /**
   * Makes an account and signs in. Where people do not simply make one it needs an invitation, which makes one account.
   * @throws Refusal `sign_up_disabled`, `too_many_attempts`, `email_taken`
   */
  signUp(ctx: Ctx, client: Client, input: z.output<typeof signUpBody>): Promise<SignedIn>
  /** Signs in, or asks for the code of a person who has a second factor. @throws Refusal `too_many_attempts`, `credentials_wrong` */
  signIn(ctx: Ctx, client: Client, input: z.output<typeof signInBody>): Promise<z.output<typeof signInView>>
  readonly secondFactor: SecondFactor
  /**
   * Changes the password of the caller, and ends its other sessions and the keys of its command lines. @throws Refusal
   * `too_many_attempts`, `password_wrong`, `session_required`
   */
  changePassword(ctx: Ctx, client: Client, input: z.output<typeof changePasswordBody>): Promise<{ token: null; user: PersonView }>
  /** Sets a new password by a link. @throws Refusal `not_found`, `too_many_attempts` */
  resetPassword(ctx: Ctx, client: Client, input: z.output<typeof resetPasswordBody>): Promise<{ success: true; user: PersonView }>
}

interface Login {
  readonly userId: string
  readonly hash: string | null
}

/** The account of an e-mail address. */
export const loginByEmail = statement<{ email: string }, Login>('login_by_email').read(sql`
  select p.id as "userId", l.password as hash from ${people} p
  left join ${logins} l on l.person_id = p.id and l.provider_id = 'credential' and l.account_id = p.id where p.email = ${param('email')}`)

/** (tx) Of two that make an account with one address at once the second waits, and finds the first. */
export const lockEmail = statement<{ email: string }, object>('login_lock_email').read(
  sql`select pg_advisory_xact_lock(hashtextextended(${param('email')}, 17))::text as locked`,
)

const loginOfPerson = statement<{ userId: string }, Login>('login_of_person').read(sql`
  select l.person_id as "userId", l.password as hash from ${logins} l
  where l.person_id = ${param('userId')} and l.provider_id = 'credential' and l.account_id = ${param('userId')}`)

const setPassword = statement<{ userId: string; before: string; hash: string }, { id: string }>('login_set_password').write(sql`
  update ${logins} set password = ${param('hash')}, updated_at = now()
  where person_id = ${param('userId')} and provider_id = 'credential' and password = ${param('before')} returning id`)

const endOtherSessions = statement<{ userId: string; keepId: string }, { id: string }>('sessions_end_others').write(sql`
  delete from ${signIns} where person_id = ${param('userId')} and id <> ${param('keepId', 'uuid')} returning id`)

interface FlowSettings extends PeopleSettings {
  readonly isSecure: boolean
  readonly engine: Engine
}

interface FlowDeps {
  readonly engine: Engine
  readonly devices: Devices
  readonly allowsSignUp: boolean
  readonly secondFactor: SecondFactor
}

/** The answer of better-auth to a sign-up or a sign-in, with its headers. */
interface EngineAnswer {
  readonly headers: Headers
  readonly response: { readonly user: { readonly id: string } }
}

/** The password or the account was changed between the look-up and the transaction. */
function refuseIfChanged(error: unknown): never {
  if ((error as { statusCode?: number }).statusCode === 401) refuse('credentials_wrong')
  throw error
}

interface Begin {
  readonly password: CheckedPassword
  /** Null for a device that the account does not know yet. */
  readonly deviceId: string | null
  /** The invitation with which the account is made; null where there is none. */
  readonly inviteId?: string | null
  readonly call: () => Promise<EngineAnswer>
}

/** (tx) Lets better-auth make a session, and gives the browser its cookie and that of the device. */
async function begin(tx: Tx, devices: Devices, { password, deviceId, inviteId = null, call }: Begin): Promise<Outcome<SignedIn>> {
  const { value, events } = await inFlow(tx, password, call).catch(refuseIfChanged)
  const { id } = value.response.user
  const user = await personById(tx, id)
  const cookies = [...value.headers.getSetCookie(), devices.cookieFor(deviceId, id)]
  const [first, ...others] = events
  invariant(first !== undefined, 'a sign-in makes a session')
  const invited = inviteId === null ? [] : [personInvited(id, { inviteId }, ofInstance)]
  return changed(withCookies({ redirect: false as const, token: null, user }, cookies), first, ...others, ...invited)
}

const signUp =
  ({ engine, devices, allowsSignUp }: FlowDeps): Flows['signUp'] =>
  async (ctx, client, { name, email: given, password, invitation }) => {
    const token = allowsSignUp ? null : (invitation ?? refuse('sign_up_disabled'))
    // The repeat of a sign-up that succeeded finds its invitation used, and gets the stored answer in the transaction.
    if (token !== null && ctx.idempotency === null) await requireInvitation(ctx.store.read, token)
    const email = given.toLowerCase()
    await countAttempt(ctx.store, signUpLimits(client.address))
    const checked = { hash: await hashed(password, 'strangers'), isRight: true }
    const headers = headersFor(client)
    return await mutate(bySecret(ctx), async (tx) => {
      await tx.run(lockEmail, { email })
      const [taken] = await tx.run(loginByEmail, { email })
      if (taken !== undefined) refuse('email_taken')
      const call = () => engine.api.signUpEmail({ body: { name, email, password }, headers, returnHeaders: true })
      const inviteId = token === null ? null : ((await takeInvitation(tx, token)) ?? refuse('sign_up_disabled'))
      return await begin(tx, devices, { password: checked, deviceId: null, inviteId, call })
    })
  }

/** (tx) Makes the session of a person whose proofs were all right. @throws Refusal `credentials_wrong` when the password has changed */
const openSession =
  ({ engine, devices }: Pick<FlowDeps, 'engine' | 'devices'>) =>
  (tx: Tx, { email, hash, rememberMe, deviceId, client }: ProvenSignIn): Promise<Outcome<SignedIn>> => {
    // The password was compared before the transaction, and is not sent around.
    const body = { email, password: '-', ...(rememberMe === undefined ? {} : { rememberMe }) }
    const call = () => engine.api.signInEmail({ body, headers: headersFor(client), returnHeaders: true })
    return begin(tx, devices, { password: { hash, isRight: true }, deviceId, call })
  }

const signIn =
  (deps: FlowDeps): Flows['signIn'] =>
  async (ctx, client, { email: given, password, rememberMe }) => {
    const { devices, secondFactor } = deps
    const email = given.toLowerCase()
    const [login] = await ctx.store.read.run(loginByEmail, { email })
    const deviceId = login === undefined ? null : devices.idOf(client.cookie(devices.cookieName), login.userId)
    const limits = signInLimits(email, client.address, deviceId)
    const successes = login === undefined ? [] : sessionLimits(login.userId)
    await countAttempt(ctx.store, limits, successes)
    const hash = login?.hash ?? null
    if (!(await isPassword(hash, password, deviceId === null ? 'strangers' : 'known')) || hash === null || login === undefined) {
      await recordAlone(ctx, signInFailed(login?.userId ?? 'unknown', { address: client.address }, ofInstance))
      return refuse('credentials_wrong')
    }
    const { userId } = login
    // An attempt that still needs a code counts until the code was right.
    if (!(await secondFactor.isOn(ctx, userId))) await takeBackAttempt(ctx.store, limits)
    await countAttempt(ctx.store, successes)
    return await mutate<z.output<typeof signInView>>(bySecret(ctx), async (tx) => {
      await lockForNewSession(tx, userId)
      const asked = await secondFactor.ask(tx, { userId, hash, rememberMe: rememberMe ?? true, address: client.address })
      return asked ?? (await openSession(deps)(tx, { email, hash, rememberMe, deviceId, client }))
    })
  }

const changePassword: Flows['changePassword'] = async (ctx, client, { currentPassword, newPassword, revokeOtherSessions = true }) => {
  const { userId, sessionId } = sessionIdOf(ctx)
  const [login] = await ctx.store.read.run(loginOfPerson, { userId })
  await countAttempt(ctx.store, passwordLimits(userId))
  const before = login?.hash ?? null
  if (!(await isPassword(before, currentPassword, 'known')) || before === null) {
    await recordAlone(ctx, passwordChangeFailed(userId, { address: client.address }, ofInstance))
    return refuse('password_wrong')
  }
  const hash = await hashed(newPassword, 'known')
  return await mutate(ctx, async (tx) => {
    // It was changed meanwhile, and the given one is no longer right.
    if ((await tx.run(setPassword, { userId, before, hash })).length === 0) refuse('password_wrong')
    const ended = revokeOtherSessions ? await tx.run(endOtherSessions, { userId, keepId: sessionId }) : []
    const keysEnded = revokeOtherSessions ? await endKeys(tx, userId, 'password_changed') : []
    const sessionIds = ended.map(({ id }) => id)
    const answer = { token: null, user: await personById(tx, userId) }
    const event = passwordChanged(userId, {}, ofInstance)
    if (sessionIds.length === 0) return changed(answer, event, ...keysEnded)
    return changed(answer, event, sessionsEnded(userId, { sessionIds, reason: 'password_changed' }, ofInstance), ...keysEnded)
  })
}

export function createFlows(settings: FlowSettings): Flows {
  const { secrets, isSecure, allowsSignUp, engine } = settings
  const devices = createDevices(secrets, isSecure)
  const hashOf = async (ctx: Ctx, userId: string): Promise<string | null> =>
    (await ctx.store.read.run(loginOfPerson, { userId }))[0]?.hash ?? null
  const secondFactor = createSecondFactor({ secrets, isSecure, devices, openSession: openSession({ engine, devices }), hashOf })
  const deps: FlowDeps = { engine, devices, allowsSignUp, secondFactor }
  return {
    signUp: signUp(deps),
    signIn: signIn(deps),
    secondFactor,
    changePassword,
    resetPassword: (ctx, client, input) => resetPassword(ctx, client, { ...input, hashed: (password) => hashed(password, 'strangers') }),
  }
}
