// The pages of the second factor: the code at a sign-in, and what a person changes about it.

import { cookiesIn } from '../../http/setCookies.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { codeBody, passwordAndCodeBody, passwordBody } from '../people/index.ts'
import { localPath } from './formPage.ts'
import type { FormPage, PageRequest } from './formPage.ts'
import { codeField, html, page, passwordField, redirect } from './html.ts'
import type { Html, PageAnswer } from './html.ts'
import { button, isPerson, parsed } from './pages.ts'
import { qrCode } from './qrCode.ts'

const codePage: FormPage = {
  path: '/sign-in/code',
  async show({ client, people, params }, problem, status) {
    const next = localPath(params['next'])
    if (client.cookie(people.flows.secondFactor.cookieName) === null) return redirect(`/sign-in?next=${encodeURIComponent(next)}`)
    return page(
      'Second factor',
      html`<p>Type the code that your authenticator app shows now, or a recovery code.</p>
        <form method="post">${codeField}<button>Sign in</button></form>
        <p><a href="/sign-in?next=${encodeURIComponent(next)}">Begin again</a></p>`,
      status,
      problem,
    )
  },
  async submit({ ctx, client, people, params, form }) {
    const answer = await people.flows.secondFactor.answer(ctx, client, parsed(codeBody, form))
    return redirect(localPath(params['next']), cookiesIn(answer))
  },
}

const beginForm = html`<p>
    With a second factor the password alone opens no session: a code of an authenticator app on your phone is needed, too.
  </p>
  <form method="post">${passwordField}${button('begin', 'Begin')}</form>`

const firstCodeForm = html`<form method="post">${codeField}${button('confirm', 'Turn the second factor on')}</form>`

const listOf = (codes: readonly string[]): Html =>
  html`<ul>
    ${codes.map((code) => html`<li><code>${code}</code></li>`)}
  </ul>`

const savedCodes = (codes: readonly string[]): Html =>
  html`<p>Keep these recovery codes where you keep no password. Each signs you in once, without the app. They are not shown again.</p>
    ${listOf(codes)}`

/** The secret in the address for the app. */
const secretIn = (uri: string): string => new URL(uri).searchParams.get('secret') ?? ''

async function begun({ ctx, client, people, form }: PageRequest): Promise<PageAnswer> {
  const { totpURI, backupCodes } = await people.flows.secondFactor.begin(ctx, client, parsed(passwordBody, form))
  return page(
    'Turn the second factor on',
    html`<p>Scan this with your authenticator app, or type the secret into it.</p>
      ${await qrCode(totpURI)}
      <p><code>${secretIn(totpURI)}</code></p>
      ${savedCodes(backupCodes)}
      <p>Then type the code that the app shows. Other browsers in which you are signed in have to sign in again.</p>
      ${firstCodeForm}`,
  )
}

async function renewed({ ctx, client, people, form }: PageRequest): Promise<PageAnswer> {
  const { backupCodes } = await people.flows.secondFactor.renewCodes(ctx, client, parsed(passwordAndCodeBody, form))
  return page(
    'Recovery codes',
    html`${savedCodes(backupCodes)}
      <p><a href="/account">Your account</a></p>`,
  )
}

const secondFactorPage: FormPage = {
  path: '/account/second-factor',
  async show(request, problem, status) {
    const { ctx, people, form } = request
    if (!isPerson(request)) return redirect('/sign-in?next=/account/second-factor')
    const { enabled, enabledAt, backupCodesLeft } = await people.flows.secondFactor.state(ctx)
    // The secret is not shown a second time, but the app has it already.
    if (!enabled) return page('Second factor', html`${form['action'] === 'confirm' ? firstCodeForm : html``}${beginForm}`, status, problem)
    const content = html`<p>It is on since ${enabledAt ?? ''}. You have ${String(backupCodesLeft)} recovery codes.</p>
      <form method="post">
        ${passwordField}${codeField}${button('codes', 'Make new recovery codes')}${button('disable', 'Turn it off')}
      </form>`
    return page('Second factor', content, status, problem)
  },
  async submit(request) {
    const { ctx, client, people, form } = request
    const { secondFactor } = people.flows
    if (form['action'] === 'begin') return await begun(request)
    if (form['action'] === 'codes') return await renewed(request)
    if (form['action'] === 'confirm') await secondFactor.confirm(ctx, client, parsed(codeBody, form))
    else if (form['action'] === 'disable') await secondFactor.disable(ctx, client, parsed(passwordAndCodeBody, form))
    else refuse('bad_request')
    return redirect('/account')
  },
}

/** The pages of the second factor. */
export const secondFactorPages: readonly FormPage[] = [codePage, secondFactorPage]
