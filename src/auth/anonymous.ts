// The reasons why a request without a credential is anonymous, as sentences for its sender.

import type { Anonymous, AnonymousReason } from '../platform/kernel/actor.ts'

const useToken = 'send the token of the board as a bearer (the file board-token in the home of the server has it)'
const useOwnToken = 'An agent sends the token of its run (PAPERCLIP_API_KEY)'

const sentences: Readonly<Record<AnonymousReason, (uid: number | null) => string>> = {
  elsewhere: () => 'the request comes from another machine and has no credential',
  foreign_host: () => 'the Host header does not name this machine, and the request has no credential',
  foreign_page: () => 'a page of another site opened the address, and the request has no credential. Open it in a window of its own',
  token_mode: () => 'the board needs its token here, and the request has no credential',
  through_proxy: () => 'the request came through a proxy and has no credential',
  other_account: (uid) =>
    `the request comes from another account (uid ${uid}) than that of the server and has no credential. ${useOwnToken}`,
  run: () => `the request comes from a process of a run and has no credential. ${useOwnToken}`,
  owner_unknown: () => 'runs are live under the account of the server, and the process that sent the request cannot be found',
  not_signed_in: () => 'people sign in here, and the request has no session and no credential',
  session_ended: () => 'the session has ended or was not made by this server. Sign in again',
  peer_unknown: () => 'the account that sent the request cannot be found, and the request has no credential',
}

const forPeople: ReadonlySet<AnonymousReason> = new Set(['not_signed_in', 'session_ended'])

/** The reason as part of a sentence. */
export const anonymousReason = ({ reason, uid }: Pick<Anonymous, 'reason' | 'uid'>): string => sentences[reason](uid)

/** The sentence of a 401: why the sender is anonymous, and how to get a credential. */
export const unauthorizedMessage = (caller: Pick<Anonymous, 'reason' | 'uid'>): string =>
  forPeople.has(caller.reason)
    ? `Unauthorized: ${anonymousReason(caller)}`
    : `Unauthorized: ${anonymousReason(caller)}. To act as the board, ${useToken}`
