// The pages on which people sign in, accept an invitation, let a command line in, and claim the instance.

import type { z } from 'zod'
import { cookiesIn } from '../../http/setCookies.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { claimInstance, readClaim } from '../boardClaims/index.ts'
import { approveChallenge, cancelChallenge, readChallenge } from '../cliLogins/index.ts'
import { acceptInvite, openInvite } from '../invites/index.ts'
import { changePasswordBody, resetPasswordBody, signInBody, signOut, signUpBody } from '../people/index.ts'
import { localPath } from './formPage.ts'
import type { FormPage, PageRequest } from './formPage.ts'
import { emailField, html, nameField, newPasswordField, page, passwordField, redirect } from './html.ts'
import type { Html } from './html.ts'
import { beginLink, providerLink, providerSection } from './oidcPages.ts'

/** The fields of a form as the schema has them. @throws Refusal `validation_failed` with the first finding */
export function parsed<S extends z.ZodType>(schema: S, form: unknown): z.output<S> {
  const result = schema.safeParse(form)
  if (result.success) return result.data
  const [issue] = result.error.issues
  return refuse('validation_failed', { message: `${String(issue?.path[0] ?? 'The form')}: ${issue?.message ?? 'is not valid'}` })
}

/** Whether a person has signed in. */
export const isPerson = ({ ctx }: PageRequest): boolean => ctx.actor.kind === 'board' && ctx.actor.via === 'session'

const signInLink = (next: string): Html =>
  html`<p>
    <a href="/sign-in?next=${encodeURIComponent(next)}">Sign in</a>, or
    <a href="/sign-up?next=${encodeURIComponent(next)}">make an account</a>.
  </p>`

/** A button that says which action its form asks for. */
export const button = (action: string, label: string): Html => html`<button name="action" value="${action}">${label}</button>`

const signInPage: FormPage = {
  path: '/sign-in',
  show: async ({ params, people }, problem, status) =>
    page(
      'Sign in',
      html`<form method="post">${emailField}${passwordField}<button>Sign in</button></form>
        ${providerLink(people, localPath(params['next']))}
        <p><a href="/sign-up?next=${encodeURIComponent(localPath(params['next']))}">Make an account</a></p>`,
      status,
      problem,
    ),
  async submit({ ctx, client, people, params, form }) {
    const answer = await people.flows.signIn(ctx, client, parsed(signInBody, form))
    const next = localPath(params['next'])
    return redirect('user' in answer ? next : `/sign-in/code?next=${encodeURIComponent(next)}`, cookiesIn(answer))
  },
}

const signUpPage: FormPage = {
  path: '/sign-up',
  show: async (_, problem, status) =>
    page(
      'Make an account',
      html`<form method="post">${nameField}${emailField}${newPasswordField}<button>Make the account</button></form>`,
      status,
      problem,
    ),
  async submit({ ctx, client, people, params, form }) {
    const answer = await people.flows.signUp(ctx, client, parsed(signUpBody, { ...form, password: form['newPassword'] }))
    return redirect(localPath(params['next']), cookiesIn(answer))
  },
}

const accountPage: FormPage = {
  path: '/account',
  async show(request, problem, status) {
    const { actor } = request.ctx
    if (!isPerson(request) || actor.kind !== 'board') return redirect('/sign-in?next=/account')
    const { enabled } = await request.people.flows.secondFactor.state(request.ctx)
    const content = html`<p>You are ${actor.session?.name ?? ''} (${actor.session?.email ?? ''}).</p>
      <form method="post">${passwordField}${newPasswordField}${button('password', 'Change the password')}</form>
      ${await providerSection(request)}
      <p>The second factor is ${enabled ? 'on' : 'off'}: <a href="/account/second-factor">change it</a>.</p>
      <form method="post">${button('sign-out', 'Sign out')}</form>`
    return page('Your account', content, status, problem)
  },
  async submit(request) {
    const { ctx, client, people, form } = request
    if (form['action'] === 'link') return await beginLink(request)
    if (form['action'] === 'unlink') {
      await people.oidc?.unlink(ctx, form['login'] ?? '')
      return redirect('/account')
    }
    if (form['action'] === 'sign-out') return redirect('/sign-in', cookiesIn(await signOut(ctx, people.sessions)))
    const input = parsed(changePasswordBody, { currentPassword: form['password'], newPassword: form['newPassword'] })
    await people.flows.changePassword(ctx, client, input)
    return redirect('/account')
  },
}

const invitePage: FormPage = {
  path: '/invite/:token',
  async show(request, problem, status) {
    const { ctx, params } = request
    const token = params['token'] ?? ''
    const { companyName, inviteMessage } = await openInvite(ctx.store.read, token)
    const title = companyName === null ? 'Administer this server' : `Join ${companyName}`
    const message = inviteMessage === null ? html`` : html`<blockquote>${inviteMessage}</blockquote>`
    const action = isPerson(request) ? html`<form method="post">${button('accept', 'Accept')}</form>` : signInLink(`/invite/${token}`)
    return page(title, html`${message}${action}`, status, problem)
  },
  async submit({ ctx, client, params }) {
    const accepted = await acceptInvite(ctx, client, params['token'] ?? '', { requestType: 'human' })
    const isDone = 'bootstrapAccepted' in accepted
    return page(
      'Accepted',
      isDone ? html`<p>You administer this server.</p>` : html`<p>A person of the company decides whether you join.</p>`,
    )
  },
}

const cliLoginPage: FormPage = {
  path: '/cli-auth/:id',
  async show({ ctx, params }, problem, status) {
    const [id = '', token = ''] = [params['id'], params['token']]
    const login = await readChallenge(ctx, id, token)
    const facts = html`<p>
      The command <code>${login.command}</code>${login.clientName === null ? '' : ` (${login.clientName})`} asks to act as you for thirty
      days.
    </p>`
    if (login.status !== 'pending')
      return page(
        'Login of a command line',
        html`${facts}
          <p>The login is ${login.status}.</p>`,
        status,
        problem,
      )
    if (login.requiresSignIn)
      return page('Login of a command line', html`${facts}${signInLink(`/cli-auth/${id}?token=${token}`)}`, status, problem)
    const approve = login.canApprove ? button('approve', 'Approve') : html`<p>It needs an administrator of this server.</p>`
    return page(
      'Login of a command line',
      html`${facts}
        <form method="post">${approve}${button('cancel', 'Cancel')}</form>`,
      status,
      problem,
    )
  },
  async submit({ ctx, params, form }) {
    const [id = '', token = ''] = [params['id'], params['token']]
    if (form['action'] === 'approve') await approveChallenge(ctx, id, token)
    else await cancelChallenge(ctx, id, token)
    return redirect(`/cli-auth/${id}?token=${token}`)
  },
}

const claimOver: Readonly<Record<'claimed' | 'expired', string>> = {
  claimed: 'This server has been claimed.',
  expired: 'This link is over: it is a day old, or the server has an administrator.',
}

const claimPage: FormPage = {
  path: '/board-claim/:token',
  async show(request, problem, status) {
    const [token = '', code = ''] = [request.params['token'], request.params['code']]
    const claim = await readClaim(request.ctx.store.read, token, code)
    if (claim.status !== 'available') return page('Claim this server', html`<p>${claimOver[claim.status]}</p>`, status, problem)
    const facts = html`<p>
      This server has no administrator. You become it, and the owner of the companies that it has. The link works once.
    </p>`
    const action = isPerson(request)
      ? html`<form method="post">${button('claim', 'Claim')}</form>`
      : signInLink(`/board-claim/${token}?code=${code}`)
    return page('Claim this server', html`${facts}${action}`, status, problem)
  },
  async submit({ ctx, params }) {
    await claimInstance(ctx, params['token'] ?? '', params['code'] ?? '')
    return page('Claimed', html`<p>You administer this server.</p>`)
  },
}

const resetPage: FormPage = {
  path: '/reset-password',
  show: async (_, problem, status) =>
    page('Set a new password', html`<form method="post">${newPasswordField}<button>Set the password</button></form>`, status, problem),
  async submit({ ctx, client, people, params, form }) {
    const input = parsed(resetPasswordBody, { token: params['token'], newPassword: form['newPassword'] })
    await people.flows.resetPassword(ctx, client, input)
    return redirect('/sign-in')
  },
}

/** Every page of people. */
export const formPages: readonly FormPage[] = [signInPage, signUpPage, accountPage, invitePage, cliLoginPage, resetPage, claimPage]
