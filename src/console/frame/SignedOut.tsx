import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { whenUnauthorized } from '../api/client.ts'

/** Whether the server has said that this browser is not signed in, or not any more. */
export function useSignedOut(): boolean {
  const [isSignedOut, setSignedOut] = useState(false)
  useEffect(() => whenUnauthorized(() => setSignedOut(true)), [])
  return isSignedOut
}

/** The page in the place of all others while this browser is not signed in. The address stays, and is where the sign-in leads. */
export function SignedOut(): ReactNode {
  const here = location.pathname + location.search
  return (
    <main id="content" className="alone">
      <h1>You are not signed in</h1>
      <p>The session of this browser has ended, or there was none. The page that you came from opens again after the sign-in.</p>
      <p>
        <a className="button" href={`/sign-in?next=${encodeURIComponent(here)}`}>
          Sign in
        </a>
      </p>
      <p className="soft">
        Where people do not sign in and the board needs its token, make a one-time link on the machine of the server:{' '}
        <code>POST /api/board/links</code> with the token as bearer.
      </p>
    </main>
  )
}
