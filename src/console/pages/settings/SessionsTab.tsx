import { useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { Session } from '../../api/types.ts'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { DataTable } from '../../parts/DataTable.tsx'
import type { Column } from '../../parts/DataTable.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { useEndSessions, usePeopleSignIn, useSessions, useWhoami } from './data.ts'
import type { SessionEnd } from './data.ts'
import { LocalNote } from './LocalNote.tsx'

interface Ending {
  readonly end: SessionEnd
  readonly title: string
  readonly what: string
  /** Whether this browser is signed out by it. */
  readonly endsThis: boolean
}

/** The browsers in which the person is signed in. */
export function SessionsTab(): ReactNode {
  const signIn = usePeopleSignIn()
  const credential = useWhoami().data?.data.credential
  const hasSession = credential === 'session'
  const { data, error, refetch } = useSessions(hasSession)
  const [ending, setEnding] = useState<Ending | null>(null)
  return (
    <section aria-labelledby="sessions">
      <h2 id="sessions">My sessions</h2>
      {signIn === false && (
        <LocalNote>Nothing is signed in: the board is the account of this machine, and has no sessions that could be ended.</LocalNote>
      )}
      {signIn === true && credential !== undefined && !hasSession && (
        <p>This browser is here as the board by its token. Sessions belong to people who signed in with an account.</p>
      )}
      {hasSession && (
        <>
          <p>
            Your password and your second factor are on <a href="/account">the page of your account</a>.
          </p>
          {error !== null && <Problem problem={error} retry={() => inBackground(refetch())} />}
          {data === undefined ? (
            error === null && <Skeleton lines={3} />
          ) : (
            <DataTable name="My sessions" rows={data.data} columns={columnsOf(setEnding)} keyOf={({ id }) => id} />
          )}
          <SignOuts onEnd={setEnding} />
        </>
      )}
      {ending !== null && <EndDialog ending={ending} onClose={() => setEnding(null)} />}
    </section>
  )
}

const signOuts: readonly (Ending & { readonly words: string })[] = [
  {
    words: 'Sign out here',
    end: { kind: 'this' },
    title: 'Sign out here',
    what: 'The session of this browser ends. Others go on.',
    endsThis: true,
  },
  {
    words: 'Sign out all other browsers',
    end: { kind: 'others' },
    title: 'Sign out all other browsers',
    what: 'Every session of yours but this one ends at once, and the keys of command lines that you let in end with them.',
    endsThis: false,
  },
  {
    words: 'Sign out everywhere',
    end: { kind: 'all' },
    title: 'Sign out everywhere',
    what: 'Every session of yours ends at once, also this one, and the keys of command lines that you let in end with them.',
    endsThis: true,
  },
]

const SignOuts = ({ onEnd }: { readonly onEnd: (ending: Ending) => void }): ReactNode => (
  <div className="row session-acts">
    {signOuts.map(({ words, ...ending }) => (
      <button key={words} type="button" className="secondary" onClick={() => onEnd(ending)}>
        {words}
      </button>
    ))}
  </div>
)

const columnsOf = (onEnd: (ending: Ending) => void): Column<Session>[] => [
  {
    key: 'browser',
    title: 'Browser',
    cell: ({ userAgent, isCurrent }) => (
      <>
        {isCurrent && <Status of="live" words="this one" />} {userAgent ?? <span className="soft">not known</span>}
      </>
    ),
  },
  {
    key: 'address',
    title: 'Address',
    cell: ({ ipAddress }) => <span className="mono">{ipAddress ?? 'not known'}</span>,
    isSecondary: true,
  },
  { key: 'since', title: 'Since', cell: ({ createdAt }) => <Time at={createdAt} /> },
  { key: 'until', title: 'Until', cell: ({ expiresAt }) => <Time at={expiresAt} />, isSecondary: true },
  {
    key: 'acts',
    title: 'Acts',
    cell: ({ id, isCurrent, userAgent }) =>
      !isCurrent && (
        <button
          type="button"
          className="quiet"
          onClick={() =>
            onEnd({
              end: { kind: 'one', id },
              title: 'End the session',
              what: `That browser (${userAgent ?? 'not known'}) is signed out with its next request.`,
              endsThis: false,
            })
          }
        >
          End<span className="hidden"> the session of {userAgent ?? 'an unknown browser'}</span>
        </button>
      ),
  },
]

function EndDialog({ ending, onClose }: { readonly ending: Ending; readonly onClose: () => void }): ReactNode {
  const endSessions = useEndSessions()
  const { end, title, what, endsThis } = ending
  return (
    <ActDialog
      title={title}
      confirm={title}
      isDangerous
      onClose={onClose}
      act={async () => {
        await endSessions.mutateAsync(end)
        if (endsThis) location.assign('/sign-in')
        else notify('The sessions are ended')
      }}
    >
      <p>{what}</p>
    </ActDialog>
  )
}
