import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../api/background.ts'
import { request, whenUnauthorized } from '../api/client.ts'

/** Whether the server has said that this browser is not signed in, or not any more; and a way to look again. */
export function useSignedOut(): readonly [isSignedOut: boolean, lookAgain: () => void] {
  const queries = useQueryClient()
  const [isSignedOut, setSignedOut] = useState(false)
  useEffect(() => whenUnauthorized(() => setSignedOut(true)), [])
  const lookAgain = async (): Promise<void> => {
    await request('GET', '/companies', { query: { limit: 1 } })
    setSignedOut(false)
    await queries.invalidateQueries()
  }
  return [isSignedOut, () => inBackground(lookAgain())]
}

interface SignedOutProps {
  /** Whether a page was shown before, which comes back as it was left. */
  readonly hasPage: boolean
  readonly lookAgain: () => void
}

/** The page in the place of all others while this browser is not signed in. The address stays, and is where the sign-in leads. */
export function SignedOut({ hasPage, lookAgain }: SignedOutProps): ReactNode {
  const here = location.pathname + location.search
  useEffect(() => {
    const before = document.title
    document.title = 'Signed out · paperclip-server'
    const onVisibility = (): void => (document.hidden ? undefined : lookAgain())
    document.addEventListener('visibilitychange', onVisibility)
    return () => {
      document.title = before
      document.removeEventListener('visibilitychange', onVisibility)
    }
  })
  return (
    <main className="alone" data-signed-out="">
      <h1>You are not signed in</h1>
      <p>The session of this browser has ended, or there was none. The page that you came from opens again after the sign-in.</p>
      <p>
        <a className="button" href={`/sign-in?next=${encodeURIComponent(here)}`}>
          Sign in
        </a>
      </p>
      {hasPage && (
        <p>
          To keep what you have typed,{' '}
          <a href="/sign-in" target="_blank" rel="noopener">
            sign in in another tab
          </a>{' '}
          and come back to this one.
        </p>
      )}
      <p className="soft">
        Where people do not sign in and the board needs its token, make a one-time link on the machine of the server:{' '}
        <code>POST /api/board/links</code> with the token as bearer.
      </p>
    </main>
  )
}
