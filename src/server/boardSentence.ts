import type { BoardFacts } from '../auth/boardMode.ts'
import type { BoardMode } from '../platform/kernel/actor.ts'

/** The facts about this server that an operator has to know. */
export interface BoardSummary extends Pick<BoardFacts, 'uid' | 'startsCommands' | 'isolation' | 'peopleSignIn'> {
  readonly mode: BoardMode
  /** Why this mode, as part of a sentence. */
  readonly reason: string
}

const accountOf = (uid: number | null): string => (uid === null ? 'this account' : uid === 0 ? 'root' : `uid ${uid} and of root`)

const reach: Readonly<Record<BoardFacts['isolation'], string>> = {
  account: 'agents started here have accounts of their own and cannot become the board or read the files of this server',
  namespace:
    'agents started here are in namespaces, where they do not see the files and processes of this server, and are refused as the board',
  none: 'agents started here share the account of this server: they can read its files and its tokens, and they are refused as the board only as long as they do not hide',
}

/** One sentence for the banner and the log: who is the board now, and what the agents that this server starts can reach. */
export function boardSentence({ mode, reason, uid, startsCommands, isolation, peopleSignIn }: BoardSummary): string {
  const who = peopleSignIn
    ? 'People sign in and do what their roles allow; administrators, and the holder of the token of the board, do everything'
    : mode === 'token'
      ? `The board needs its token or a sign-in, because ${reason}`
      : `Every program of ${accountOf(uid)} on this machine is the board, without a credential`
  return `${who}; ${startsCommands ? reach[isolation] : 'this server starts no agents'}.`
}
