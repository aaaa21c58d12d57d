import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { inBackground } from '../../api/background.ts'
import type { ApiProblem } from '../../api/client.ts'
import type { Verification } from '../../api/types.ts'
import { useCompany, useCompanyPath } from '../../frame/company.tsx'
import { Dialog } from '../../parts/Dialog.tsx'
import { Skeleton } from '../../parts/Empty.tsx'
import { Fact, Facts } from '../../parts/Facts.tsx'
import { Problem } from '../../parts/Problem.tsx'
import { Status } from '../../parts/Status.tsx'
import { formatNumber } from '../../parts/time.ts'
import { Time } from '../../parts/Time.tsx'
import { Link } from '../../router/Link.tsx'
import { verify } from './data.ts'
import type { Checked, SignedHead } from './data.ts'
import { breakWords, timelineWords, witnessWords } from './verification.ts'

/** Computes the chain of audit rows again, and says whether it is whole, up to where, and how that is known. */
export function VerifyDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { id } = useCompany()
  const [round, setRound] = useState(0)
  const [checked, setChecked] = useState<Checked | null>(null)
  const [problem, setProblem] = useState<ApiProblem | null>(null)
  useEffect(() => {
    let isCurrent = true
    setChecked(null)
    setProblem(null)
    inBackground(
      verify(id).then(
        (found) => isCurrent && setChecked(found),
        (error: unknown) => isCurrent && setProblem(error as ApiProblem),
      ),
    )
    return () => {
      isCurrent = false
    }
  }, [id, round])
  const again = (): void => setRound((before) => before + 1)
  return (
    <Dialog title="Verify the audit chain" onClose={onClose}>
      {problem !== null && <Problem problem={problem} retry={again} />}
      {problem === null && checked === null && <Skeleton lines={5} />}
      {checked !== null && <Finding checked={checked} />}
      <footer>
        <button type="button" className="secondary" onClick={again} disabled={checked === null}>
          Verify again
        </button>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </footer>
    </Dialog>
  )
}

function Outcome({ verification }: { readonly verification: Verification }): ReactNode {
  const { ok, checked, firstBroken } = verification
  const rows = Math.max(0, checked.to - checked.from + 1)
  if (ok)
    return (
      <p role="status" className="finding good">
        <Status of="good" tone="good" words="Intact" /> The hashes of {formatNumber(rows)} rows were computed again, and every one fits.
      </p>
    )
  if (firstBroken === null)
    return (
      <p role="alert" className="finding bad">
        <Status of="bad" tone="bad" words="Not proven" /> The rows fit together, but the record outside of the database cannot be relied on,
        so a cut end would not be seen.
      </p>
    )
  return (
    <div role="alert" className="finding bad">
      <p>
        <Status of="bad" tone="bad" words={`Broken at position ${formatNumber(firstBroken.position)}`} /> {breakWords[firstBroken.kind]}
      </p>
      <p className="soft">
        {firstBroken.kind}
        {firstBroken.action !== null && (
          <>
            {' · '}
            <code>{firstBroken.action}</code>
          </>
        )}
        {firstBroken.seq !== null && ` · row number ${firstBroken.seq}`}
        {firstBroken.id !== null && (
          <>
            {' · '}
            <code>{firstBroken.id}</code>
          </>
        )}
      </p>
      <p>
        Rows before this position fit. Do not rely on those after it. Keep the database and the home of the server as they are, and compare
        both with a backup.
      </p>
    </div>
  )
}

function Finding({ checked: { verification, head } }: { readonly checked: Checked }): ReactNode {
  const { checked, sealedRows, unsealedRows, notedHeads, witness, timelines } = verification
  const pathOf = useCompanyPath()
  return (
    <div className="stack">
      <Outcome verification={verification} />
      <Facts>
        <Fact name="Checked">
          {checked.to < checked.from
            ? 'no row yet'
            : `positions ${formatNumber(checked.from)} to ${formatNumber(checked.to)} of ${formatNumber(sealedRows)}`}
        </Fact>
        <Fact name="Not in the chain yet">
          {formatNumber(unsealedRows)} {unsealedRows === 1 ? 'row' : 'rows'}; the newest join it within about two seconds
        </Fact>
        <Fact name="Witness">
          <Status of={witness.ok ? 'good' : 'bad'} tone={witness.ok ? 'good' : 'bad'} words={witness.ok ? 'whole' : 'not whole'} />
          {witness.problem !== null && ` ${witnessWords[witness.problem]}`} The chain was compared with {formatNumber(notedHeads)} of its
          ends that were recorded outside of the database ({formatNumber(witness.lines)} lines).
        </Fact>
        {timelines.map((timeline) => (
          <Fact key={timeline.timeline} name="Restored">
            {timelineWords(timeline)} <Time at={timeline.openedAt} />
          </Fact>
        ))}
      </Facts>
      <Head verification={verification} head={head} />
      {verification.firstBroken?.action != null && (
        <p>
          <Link to={pathOf(`activity?action=${verification.firstBroken.action}`)}>Rows with this action</Link>
        </p>
      )}
    </div>
  )
}

function Head({ verification, head }: { readonly verification: Verification; readonly head: SignedHead | null }): ReactNode {
  const { position, hash } = head ?? verification.head
  return (
    <section className="stack">
      <h3>{head === null ? 'Head, not signed' : 'Signed head'}</h3>
      <Facts>
        <Fact name="Position">{formatNumber(position)}</Fact>
        <Fact name="Hash">
          <code>{hash}</code>
        </Fact>
        {head !== null && (
          <>
            <Fact name="Signature">
              <code>{head.signature}</code>
            </Fact>
            <Fact name="Key">
              <code>{head.keyId}</code>
            </Fact>
            <Fact name="Newest row">
              <Time at={head.at} />
            </Fact>
          </>
        )}
      </Facts>
      <p className="soft">Keep the head elsewhere: whether a later chain begins with it can then be checked without this server.</p>
    </section>
  )
}
