// The pages of people as text: forms without a script, in one style.

import { createHash } from 'node:crypto'
import { pageHeaders } from '../../http/headers.ts'

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

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:28rem;padding:0 1rem;color:#1c2024;background:#fff}
h1{font-size:1.4rem}label{display:block;margin:1rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem}
button{font:inherit;padding:.5rem 1rem;margin:.5rem .5rem .5rem 0}[role=alert]{border-left:4px solid #c62a2f;padding-left:.75rem}a{color:#0b57d0}
@media (prefers-color-scheme:dark){body{color:#edeef0;background:#111113}a{color:#8ab4f8}}`

const styleHash = createHash('sha256').update(STYLE).digest('base64')

/** Browsers leave out the origin of a form under the policy "no-referrer", and the origin proves that the form is one of this server. */
const headers: Readonly<Record<string, string>> = {
  ...pageHeaders,
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
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
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)} · paperclip-server</title>`
  return {
    status,
    headers,
    body: `<!doctype html><html lang="en"><head>${head}<style>${STYLE}</style></head><body>${markup}</body></html>`,
  }
}

/** Sends the browser on. @param cookies whole `Set-Cookie` headers */
export const redirect = (location: string, cookies: readonly string[] = []): PageAnswer => ({
  status: 303,
  headers: { 'Cache-Control': 'no-store', Location: location, ...(cookies.length === 0 ? {} : { 'Set-Cookie': cookies }) },
  body: '',
})

const field = (label: string, name: string, type: string, autocomplete: string): Html =>
  html`<label>${label}<input name="${name}" type="${type}" autocomplete="${autocomplete}" required /></label>`

export const nameField = field('Name', 'name', 'text', 'name')
export const emailField = field('E-mail', 'email', 'email', 'username')
export const passwordField = field('Password', 'password', 'password', 'current-password')
export const newPasswordField = field('New password, at least 8 characters', 'newPassword', 'password', 'new-password')
/** A code of an app, or a recovery code. */
export const codeField = field('Code', 'code', 'text', 'one-time-code')
