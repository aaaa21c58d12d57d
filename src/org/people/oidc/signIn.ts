// The transaction at the end of a sign-in by a provider: a session for the person of an identity, a new account, or a link.

import { sql } from 'drizzle-orm'
import { bySecret } from '../../../auth/bySecret.ts'
import { logins, signIns } from '../../../model/people.ts'
import type { Client } from '../../../http/client.ts'
import { changed, mutate, unchanged } from '../../../platform/db/mutate.ts'
import { param, statement } from '../../../platform/db/statement.ts'
import type { Ctx, Tx } from '../../../platform/db/types.ts'
import { invariant } from '../../../platform/kernel/errors.ts'
import { inFlow } from '../adapter.ts'
import { headersFor } from '../engine.ts'
import type { Engine } from '../engine.ts'
import { loginAdded, ofInstance, personInvited } from '../events.ts'
import { lockEmail, loginByEmail } from '../flows.ts'
import { invitationOf, takeInvitation } from '../invited.ts'
import { fail } from './failures.ts'
import type { Identity } from './provider.ts'
import type { SignInState } from './states.ts'

/** An identity whose address the provider has verified. */
export interface ProvedIdentity extends Identity {
  /** In lower case. */
  readonly email: string
}

type Named = Pick<Identity, 'issuer' | 'subject'>

const selectOwner = statement<Named, { userId: string }>('oidc_login_owner').read(
  sql`select person_id as "userId" from ${logins} where provider_id = ${param('issuer')} and account_id = ${param('subject')}`,
)

/** (tx) The person to whom an identity is linked. */
async function ownerOf(tx: Tx, { issuer, subject }: Named): Promise<string | null> {
  const [owner] = await tx.run(selectOwner, { issuer, subject })
  return owner?.userId ?? null
}

interface NewAccount {
  readonly email: string
  readonly allowsSignUp: boolean
  /** The path from which the person comes: the page of an invitation lets one account be made. */
  readonly next: string
}

/**
 * (tx) Decides whether the identity may make an account. An account with its address is never taken over: this server sends no mail, so it
 * does not know whether the address of an account belongs to the person who made it.
 * @returns the invitation with which it is made; null where none is needed
 */
async function allowNewAccount(tx: Tx, { email, allowsSignUp, next }: NewAccount): Promise<string | null> {
  const [taken] = await tx.run(loginByEmail, { email })
  if (taken !== undefined) fail('account_exists')
  if (allowsSignUp) return null
  const token = invitationOf(next)
  return (token === null ? null : await takeInvitation(tx, token)) ?? fail('sign_up_disabled')
}

/** The request that ends a sign-in. */
export interface Caller {
  readonly ctx: Ctx
  readonly client: Client
}

interface SignInDeps {
  readonly engine: Engine
  readonly allowsSignUp: boolean
}

/** better-auth asks for a password in the flows that have one; this one has none. */
const NO_PASSWORD = { hash: '', isRight: false }

/**
 * Signs the person of an identity in, and makes its account at its first sign-in. A changed address at the provider does not change the account.
 * @returns the `Set-Cookie` headers of the session
 * @throws ProviderSignInFailed `account_exists`, `sign_up_disabled`
 */
export async function signInByIdentity(
  { engine, allowsSignUp }: SignInDeps,
  { ctx, client }: Caller,
  identity: ProvedIdentity,
  next: string,
): Promise<readonly string[]> {
  const { issuer, subject, email } = identity
  const name = identity.name ?? email.slice(0, email.lastIndexOf('@'))
  return await mutate(bySecret(ctx), async (tx) => {
    let userId = await ownerOf(tx, identity)
    let inviteId: string | null = null
    if (userId === null) {
      await tx.run(lockEmail, { email })
      // Another request of the same person may have made the account meanwhile.
      userId = await ownerOf(tx, identity)
      if (userId === null) inviteId = await allowNewAccount(tx, { email, allowsSignUp, next })
    }
    const body = { userId, issuer, subject, name, email }
    const call = () => engine.api.signInByProvider({ body, headers: headersFor(client), returnHeaders: true })
    const { value, events } = await inFlow(tx, NO_PASSWORD, call)
    const [first, ...others] = events
    invariant(first !== undefined, 'a sign-in makes a session')
    const invited = inviteId === null ? [] : [personInvited(value.response.user.id, { inviteId }, ofInstance)]
    return changed(value.headers.getSetCookie(), first, ...others, ...invited)
  })
}

const selectSession = statement<{ userId: string; sessionId: string }, { id: string }>('oidc_link_session').read(sql`
  select id from ${signIns} where id = ${param('sessionId', 'uuid')} and person_id = ${param('userId')} and expires_at > now() for share`)

const insertLogin = statement<Named & { userId: string }, { id: string }>('oidc_login_insert').write(sql`
  insert into ${logins} (id, account_id, provider_id, person_id)
  values (gen_random_uuid(), ${param('subject')}, ${param('issuer')}, ${param('userId')}) returning id`)

// Of two that link one identity at once the second waits, and finds it linked.
const lockIdentity = statement<Named, object>('oidc_lock_identity').read(
  sql`select pg_advisory_xact_lock(hashtextextended(${param('issuer')} || ' ' || ${param('subject')}, 18))::text as locked`,
)

/**
 * Links an identity to the account whose session began this. A repeat finds it done.
 * @throws ProviderSignInFailed `session_ended`, `linked_elsewhere`
 */
export async function linkIdentity(ctx: Ctx, { issuer, subject }: Named, link: NonNullable<SignInState['link']>): Promise<void> {
  const { userId, sessionId } = link
  await mutate(bySecret(ctx), async (tx) => {
    if ((await tx.run(selectSession, { userId, sessionId })).length === 0) fail('session_ended')
    await tx.run(lockIdentity, { issuer, subject })
    const owner = await ownerOf(tx, { issuer, subject })
    if (owner === userId) return unchanged(undefined)
    if (owner !== null) fail('linked_elsewhere')
    await tx.run(insertLogin, { issuer, subject, userId })
    return changed(undefined, loginAdded(userId, { provider: issuer }, ofInstance))
  })
}
