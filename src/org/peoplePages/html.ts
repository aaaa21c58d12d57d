// The pages of people as text: forms without a script, in one style.

import { pageHeaders } from '../../http/headers.ts'
import { pageMarkup, pageStyleSource } from '../../http/pageStyle.ts'

/** Text of a page in which everything that came from outside is escaped. */
export interface Html {
  readonly markup: string
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)

type Part = string | Html | readonly Html[]

const markupOf = (part: Part): string => {
  if (typeof part === 'string') return escape(part)
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('')
}

/** A template of markup; its values are escaped unless they are markup themselves. */
export const html = (strings: TemplateStringsArray, ...values: readonly Part[]): Html => ({
  markup: strings.reduce((text, literal, at) => text + literal + (at < values.length ? markupOf(values[at] ?? '') : ''), ''),
})

/** Browsers leave out the origin of a form under the policy "no-referrer", and the origin proves that the form is one of this server. */
const headers: Readonly<Record<string, string>> = {
  ...pageHeaders,
  'Content-Security-Policy': `default-src 'none'; style-src ${pageStyleSource}; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
  'Referrer-Policy': 'same-origin',
  'Cache-Control': 'no-store',
  'Content-Type': 'text/html; charset=utf-8',
}

/** An answer of a page. */
export interface PageAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | readonly string[]>>
  readonly body: string
}

/** A page. @param problem a sentence that says why the form was not accepted */
export const page = (title: string, content: Html, status = 200, problem: string | null = null): PageAnswer => {
  const alert = problem === null ? html`` : html`<p role="alert">${problem}</p>`
  const { markup } = html`<h1>${title}</h1>
    ${alert}${content}`
  return { status, headers, body: pageMarkup(`${escape(title)} · paperclip-server`, markup) }
}

/** Sends the browser on. @param cookies whole `Set-Cookie` headers */
export const redirect = (location: string, cookies: readonly string[] = []): PageAnswer => ({
  status: 303,
  headers: { 'Cache-Control': 'no-store', Location: location, ...(cookies.length === 0 ? {} : { 'Set-Cookie': cookies }) },
  body: '',
})

const field = (label: string, name: string, kind: { readonly type: string; readonly autocomplete: string }, value = ''): Html =>
  html`<label>${label}<input name="${name}" type="${kind.type}" autocomplete="${kind.autocomplete}" value="${value}" required /></label>`

export const nameField = (value = ''): Html => field('Name', 'name', { type: 'text', autocomplete: 'name' }, value)
export const emailField = (value = ''): Html => field('E-mail', 'email', { type: 'email', autocomplete: 'username' }, value)
export const passwordField = field('Password', 'password', { type: 'password', autocomplete: 'current-password' })
// The lengths are those of `signUpBody`. A browser says so before it sends the form.
export const newPasswordField = html`<label
  >New password, at least 8 characters<input
    name="newPassword"
    type="password"
    autocomplete="new-password"
    minlength="8"
    maxlength="128"
    required
/></label>`
/** A code of an app, or a recovery code. */
export const codeField = field('Code', 'code', { type: 'text', autocomplete: 'one-time-code' })
