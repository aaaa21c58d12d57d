// The pages of the sign-in at an OpenID provider: the way there, the way back, and what the page of the account says of it.

import { toRefusal } from '../../http/problem.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { CALLBACK_PATH } from '../people/index.ts'
import type { People } from '../people/index.ts'
import { localPath } from './formPage.ts'
import type { FormPage, PageRequest } from './formPage.ts'
import { html, page, redirect } from './html.ts'
import type { Html, PageAnswer } from './html.ts'

const START_PATH = '/api/auth/oidc/start'

type Provider = NonNullable<People['oidc']>

const providerOf = ({ people }: Pick<PageRequest, 'people'>): Provider => people.oidc ?? refuse('not_found')

/** The link to the provider; nothing where there is none. @param next a path of this server */
export const providerLink = ({ oidc }: People, next: string): Html =>
  oidc === null ? html`` : html`<p><a href="${START_PATH}?next=${encodeURIComponent(next)}">Sign in with ${oidc.host}</a></p>`

/**
 * A page that sends the browser on by itself. A redirect would be a part of the request before it: a browser marks the next request as one
 * from the page of the provider, which has no session here, and lets no form lead to another site.
 */
function goOn(title: string, location: string, cookies: readonly string[]): PageAnswer {
  const answer = page(title, html`<p><a href="${location}">Go on</a></p>`)
  return { ...answer, headers: { ...answer.headers, Refresh: `0; url=${location}`, 'Set-Cookie': cookies } }
}

const notSent = (): never => refuse('method_not_allowed')

const startPage: FormPage = {
  path: START_PATH,
  async show(request) {
    const { ctx, client, people, params } = request
    const next = localPath(params['next'])
    // A page of another site does not sign a person in without a click here.
    if (ctx.actor.kind === 'anonymous' && ctx.actor.reason === 'foreign_page') return page('Sign in', providerLink(people, next))
    const { url, cookie } = await providerOf(request).begin(ctx, client, next)
    return redirect(url, [cookie])
  },
  submit: notSent,
}

const callbackPage: FormPage = {
  path: CALLBACK_PATH,
  async show(request) {
    const { ctx, client, params } = request
    try {
      const { next, cookies } = await providerOf(request).finish(ctx, client, params)
      return goOn('Signed in', next, cookies)
    } catch (error) {
      const refusal = toRefusal(error)
      if (refusal === undefined) throw error
      return page('Not signed in', html`<p><a href="/sign-in">Back to the sign-in</a></p>`, refusal.status, refusal.message)
    }
  },
  submit: notSent,
}

/** The pages that a browser visits on its way to the provider and back. */
export const providerPages: readonly FormPage[] = [startPage, callbackPage]

/** The part of the page of an account about the provider; nothing where there is none. */
export async function providerSection(request: PageRequest): Promise<Html> {
  const { oidc } = request.people
  if (oidc === null) return html``
  const { hasPassword, linked, isLinked } = await oidc.waysIn(request.ctx)
  const identities = linked.map(
    ({ id, provider }) =>
      html`<form method="post">
        <input type="hidden" name="login" value="${id}" />
        <button name="action" value="unlink" class="secondary">Unlink ${new URL(provider).host}</button>
      </form>`,
  )
  const link = isLinked
    ? html``
    : html`<form method="post"><button name="action" value="link">Link your account at ${oidc.host}</button></form>`
  const password = hasPassword
    ? html``
    : html`<p>Your account has no password. An administrator can make a link with which you set one.</p>`
  return html`<h2>Sign-in with ${oidc.host}</h2>
    ${password}${identities}${link}`
}

/** Sends the browser to the provider, to link an identity there to the account. @throws Refusal `session_required` */
export async function beginLink(request: PageRequest): Promise<PageAnswer> {
  const { url, cookie } = await providerOf(request).beginLink(request.ctx, request.client, '/account')
  return goOn('Link your account', url, [cookie])
}
