// A page with a form: what it gets, and how it answers.

import type { Client } from '../../http/client.ts'
import type { Ctx } from '../../platform/db/types.ts'
import type { People } from '../people/index.ts'
import type { PageAnswer } from './html.ts'

/** A request for a page. */
export interface PageRequest {
  readonly ctx: Ctx
  readonly client: Client
  readonly people: People
  /** The parameters of the path and the query. */
  readonly params: Readonly<Record<string, string>>
  /** The fields of the form; empty for a GET. */
  readonly form: Readonly<Record<string, string>>
}

/** A page: the form, and what it does when it is sent. */
export interface FormPage {
  readonly path: string
  show(request: PageRequest, problem: string | null, status: number): Promise<PageAnswer>
  submit(request: PageRequest): Promise<PageAnswer>
}

/** Longer paths do not fit into a cookie with the rest of the state of a sign-in. */
const MAX_PATH = 1000

/** Two slashes begin an address of another server for some readers of paths, also when they are escaped or stand behind dots. */
const LEADS_ELSEWHERE = /\/\/|\/\.|%2f|%5c/i

/** A path of this server, to which a browser is sent on. */
export function localPath(text: string | undefined): string {
  const isLocal = text !== undefined && text.length <= MAX_PATH && /^\/[\w\-./?=&%]*$/.test(text) && !LEADS_ELSEWHERE.test(text)
  return isLocal ? text : '/account'
}
