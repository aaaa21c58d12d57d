import express from 'express'
import type { Express, Request, RequestHandler, Response } from 'express'
import { requireOwnPage } from '../../auth/identify.ts'
import { clientOf } from '../../http/client.ts'
import type { Reached } from '../../http/client.ts'
import type { RequestTrace } from '../../http/exchange.ts'
import { toRefusal } from '../../http/problem.ts'
import type { Store } from '../../platform/db/types.ts'
import type { Actor } from '../../platform/kernel/actor.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import type { People } from '../people/index.ts'
import type { FormPage, PageRequest } from './formPage.ts'
import { page, html } from './html.ts'
import type { PageAnswer } from './html.ts'
import { providerPages } from './oidcPages.ts'
import { formPages } from './pages.ts'
import { secondFactorPages } from './secondFactorPages.ts'

interface PageDeps extends Reached {
  readonly store: Store
  /** Null where people do not sign in, and then there are no pages. */
  readonly people: People | null
  readonly identify: (request: Request) => Promise<Actor>
}

/** A form is a few short fields. */
const FORM_BYTES = 8192

const textsOf = (fields: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))

function send(response: Response, { status, headers, body }: PageAnswer): void {
  response.writeHead(status, { ...(headers as Record<string, string | string[]>), 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

const handlerOf =
  (deps: PageDeps, people: People, formPage: FormPage): RequestHandler =>
  async (request, response) => {
    if (!['GET', 'HEAD', 'POST'].includes(request.method)) refuse('method_not_allowed')
    // Also without a session: a form of another site would sign the browser in to an account of its author.
    if (request.method === 'POST') requireOwnPage(request)
    const trace = response.locals['trace'] as RequestTrace
    const actor = await deps.identify(request)
    trace.actor = actor
    const pageRequest: PageRequest = {
      ctx: { actor, companyId: null, requestId: trace.requestId, store: deps.store, idempotency: null },
      client: clientOf(request, deps),
      people,
      params: { ...textsOf(request.query), ...textsOf(request.params) },
      form: textsOf((request.body ?? {}) as Record<string, unknown>),
    }
    send(response, request.method === 'POST' ? await submitted(formPage, pageRequest) : await shown(formPage, pageRequest))
  }

const gone = (message: string, status: number): PageAnswer =>
  page(
    'Not possible',
    html`<p>${message}</p>
      <p><a href="/account">Your account</a></p>`,
    status,
  )

async function shown(formPage: FormPage, request: PageRequest, problem: string | null = null, status = 200): Promise<PageAnswer> {
  try {
    return await formPage.show(request, problem, status)
  } catch (error) {
    const refusal = toRefusal(error)
    if (refusal === undefined) throw error
    return gone(problem ?? refusal.message, refusal.status)
  }
}

/** A refusal is shown above the form, which is shown again. */
async function submitted(formPage: FormPage, request: PageRequest): Promise<PageAnswer> {
  try {
    return await formPage.submit(request)
  } catch (error) {
    const refusal = toRefusal(error)
    if (refusal === undefined) throw error
    const answer = await shown(formPage, request, refusal.message, refusal.status)
    if (refusal.retryAfter === undefined) return answer
    return { ...answer, headers: { ...answer.headers, 'Retry-After': String(refusal.retryAfter) } }
  }
}

/** Mounts the pages on which people sign in, accept an invitation, let a command line in and claim the instance. */
export function mountPeoplePages(app: Express, deps: PageDeps): void {
  const { people } = deps
  if (people === null) return
  const readForm = express.urlencoded({ extended: false, limit: FORM_BYTES, parameterLimit: 20 })
  for (const formPage of [...formPages, ...secondFactorPages]) app.all(formPage.path, readForm, handlerOf(deps, people, formPage))
  if (people.oidc === null) return
  for (const shownPage of providerPages) app.get(shownPage.path, handlerOf(deps, people, shownPage))
}
