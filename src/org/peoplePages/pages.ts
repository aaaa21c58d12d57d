// The pages on which people sign in, accept an invitation, let a command line in, and claim the instance.

import type { z } from 'zod'
import { cookiesIn } from '../../http/setCookies.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { claimInstance, readClaim } from '../boardClaims/index.ts'
import { approveChallenge, cancelChallenge, readChallenge } from '../cliLogins/index.ts'
import { listCompanies } from '../companies/index.ts'
import { acceptInvite, openInvite } from '../invites/index.ts'
import { changePasswordBody, invitationOf, resetPasswordBody, signInBody, signOut, signOutEverywhere, signUpBody } from '../people/index.ts'
import { localPath } from './formPage.ts'
import type { FormPage, PageRequest } from './formPage.ts'
import { emailField, html, nameField, newPasswordField, page, passwordField, redirect } from './html.ts'
import type { Html } from './html.ts'
import { beginLink, providerLink, providerSection } from './oidcPages.ts'

/** The companies that a page shows; the API has the rest. */
const MAX_COMPANIES = 100

/** The fields of a form as the schema has them. @throws Refusal `validation_failed` with the first finding */
export function parsed<S extends z.ZodType>(schema: S, form: unknown): z.output<S> {
  const result = schema.safeParse(form)
  if (result.success) return result.data
  const [issue] = result.error.issues
  return refuse('validation_failed', { message: `${String(issue?.path[0] ?? 'The form')}: ${issue?.message ?? 'is not valid'}` })
}

/** Whether a person has signed in. */
export const isPerson = ({ ctx }: PageRequest): boolean => ctx.actor.kind === 'board' && ctx.actor.via === 'session'

/** The account of the browser, so that a person sees for whom it decides. */
const signedInAs = ({ ctx: { actor } }: PageRequest): Html =>
  actor.kind === 'board' && actor.session !== null ? html`<p>You are ${actor.session.name} (${actor.session.email ?? ''}).</p>` : html``

const signInLink = (next: string): Html =>
  html`<p>
    <a href="/sign-in?next=${encodeURIComponent(next)}">Sign in</a>, or
    <a href="/sign-up?next=${encodeURIComponent(next)}">make an account</a>.
  </p>`

/** A button of a form. @param look `secondary` for what is not the purpose of the page */
export const button = (action: string, label: string, look: 'primary' | 'secondary' = 'primary'): Html =>
  html`<button name="action" value="${action}" class="${look}">${label}</button>`

/** The sentence about an act that the page before this one did. */
const notices: ReadonlyMap<string, string> = new Map([
  ['password', 'The password is changed. Your sessions in other browsers have ended.'],
  ['reset', 'The password is set. Sign in with it.'],
  ['signed-out', 'You are signed out.'],
  ['signed-out-everywhere', 'You are signed out on all devices.'],
])

const notice = ({ params }: PageRequest): Html => {
  const text = notices.get(params['done'] ?? '')
  return text === undefined ? html`` : html`<p role="status">${text}</p>`
}

const nextOf = ({ params }: PageRequest): string => encodeURIComponent(localPath(params['next']))

/** The invitation from whose page a person comes; undefined for another page. */
const invitationIn = ({ params }: PageRequest): string | undefined => invitationOf(localPath(params['next'])) ?? undefined

/** Whether the page has a use for a form that makes an account. */
const mayMakeAccount = (request: PageRequest): boolean => request.people.allowsSignUp || invitationIn(request) !== undefined

const byInvitation = html`<p>Accounts are made with an invitation here. Open the link of yours, or ask an administrator for one.</p>`

const signInPage: FormPage = {
  path: '/sign-in',
  show: async (request, problem, status) =>
    page(
      'Sign in',
      html`${problem === null ? notice(request) : ''}
        <form method="post">${emailField(request.form['email'])}${passwordField}<button>Sign in</button></form>
        ${providerLink(request.people, localPath(request.params['next']))}
        ${
          mayMakeAccount(request)
            ? html`<p>No account yet? <a href="/sign-up?next=${nextOf(request)}">Make an account</a></p>`
            : byInvitation
        }`,
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
  show: async (request, problem, status) =>
    page(
      'Make an account',
      html`${
          mayMakeAccount(request)
            ? html`<form method="post">
                ${nameField(request.form['name'])}${emailField(request.form['email'])}${newPasswordField}<button>Make the account</button>
              </form>`
            : byInvitation
        }
        <p>You have an account? <a href="/sign-in?next=${nextOf(request)}">Sign in</a></p>`,
      status,
      problem,
    ),
  async submit(request) {
    const { ctx, client, people, params, form } = request
    const input = { ...form, password: form['newPassword'], invitation: invitationIn(request) }
    const answer = await people.flows.signUp(ctx, client, parsed(signUpBody, input))
    return redirect(localPath(params['next']), cookiesIn(answer))
  },
}

/** The companies of the person, each with its role there. */
async function companiesOf({ ctx }: PageRequest): Promise<Html> {
  const roles = ctx.actor.kind === 'board' ? ctx.actor.companies : null
  const { items } = await listCompanies(ctx, { limit: MAX_COMPANIES })
  const lines = items.map(({ id, name }) => html`<li>${name}: ${roles?.get(id) ?? 'administrator'}</li>`)
  const administers = roles === null ? html`<p>You administer this server.</p>` : html``
  return html`${administers}${
    lines.length === 0
      ? html`<p>You are in no company yet.</p>`
      : html`<ul>
          ${lines}
        </ul>`
  }`
}

const accountPage: FormPage = {
  path: '/account',
  async show(request, problem, status) {
    if (!isPerson(request)) return redirect('/sign-in?next=/account')
    const { enabled } = await request.people.flows.secondFactor.state(request.ctx)
    const content = html`${problem === null ? notice(request) : ''}${signedInAs(request)}
      <h2>Companies</h2>
      ${await companiesOf(request)}
      <h2>Password</h2>
      <form method="post">${passwordField}${newPasswordField}${button('password', 'Change the password')}</form>
      <h2>Second factor</h2>
      <p>The second factor is ${enabled ? 'on' : 'off'}: <a href="/account/second-factor">change it</a>.</p>
      ${await providerSection(request)}
      <h2>Sessions</h2>
      <form method="post">
        ${button('sign-out', 'Sign out', 'secondary')}${button('sign-out-everywhere', 'Sign out on all devices', 'secondary')}
      </form>`
    return page('Your account', content, status, problem)
  },
  async submit(request) {
    const { ctx, client, people, form } = request
    const { action } = form
    if (action === 'link') return await beginLink(request)
    if (action === 'unlink') {
      await people.oidc?.unlink(ctx, form['login'] ?? '')
      return redirect('/account')
    }
    if (action === 'sign-out') return redirect('/sign-in?done=signed-out', cookiesIn(await signOut(ctx, people.sessions)))
    if (action === 'sign-out-everywhere')
      return redirect('/sign-in?done=signed-out-everywhere', cookiesIn(await signOutEverywhere(ctx, people.sessions)))
    const input = parsed(changePasswordBody, { currentPassword: form['password'], newPassword: form['newPassword'] })
    await people.flows.changePassword(ctx, client, input)
    return redirect('/account?done=password')
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
    const action = isPerson(request)
      ? html`${signedInAs(request)}
          <form method="post">${button('accept', 'Accept')}</form>`
      : signInLink(`/invite/${token}`)
    return page(title, html`${message}${action}`, status, problem)
  },
  async submit({ ctx, client, params }) {
    const accepted = await acceptInvite(ctx, client, params['token'] ?? '', { requestType: 'human' })
    const isDone = 'bootstrapAccepted' in accepted
    const sentence = isDone ? 'You administer this server.' : 'A person of the company decides whether you join.'
    return page(
      'Accepted',
      html`<p>${sentence}</p>
        <p><a href="/account">Your account</a></p>`,
    )
  },
}

const cliLoginPage: FormPage = {
  path: '/cli-auth/:id',
  async show(request, problem, status) {
    const { ctx, params } = request
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
          <p>The login is ${login.status}. You can close this page.</p>`,
        status,
        problem,
      )
    if (login.requiresSignIn)
      return page('Login of a command line', html`${facts}${signInLink(`/cli-auth/${id}?token=${token}`)}`, status, problem)
    const approve = login.canApprove ? button('approve', 'Approve') : html`<p>It needs an administrator of this server.</p>`
    return page(
      'Login of a command line',
      html`${facts} ${signedInAs(request)}
        <form method="post">${approve}${button('cancel', 'Cancel', 'secondary')}</form>`,
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
    return redirect('/sign-in?done=reset')
  },
}

/** Every page of people. */
export const formPages: readonly FormPage[] = [signInPage, signUpPage, accountPage, invitePage, cliLoginPage, resetPage, claimPage]
