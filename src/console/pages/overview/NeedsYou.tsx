import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Hold, JoinRequest } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ForceRelease } from '../../holding/ForceRelease.tsx'
import { useListKeys } from '../../keys/useListKeys.ts'
import { Status } from '../../parts/Status.tsx'
import type { Tone } from '../../parts/Status.tsx'
import { Time } from '../../parts/Time.tsx'
import { JoinDecision } from '../../people/JoinDecision.tsx'
import { go } from '../../router/location.ts'
import { Link } from '../../router/Link.tsx'
import type { Need, NeedKind } from './needs.ts'

const tones: Readonly<Record<NeedKind, Tone>> = {
  'dead hold': 'bad',
  'budget stop': 'bad',
  'agent in error': 'bad',
  'failed run': 'bad',
  approval: 'warn',
  question: 'warn',
  'join request': 'warn',
  'stalled issue': 'warn',
}

/** Rows that are shown at first. */
const SHOWN = 12

/** Everything that waits for a person, the most urgent first, each with its act. */
export function NeedsYou({ needs }: { readonly needs: readonly Need[] }): ReactNode {
  const pathOf = useCompanyPath()
  const [isWhole, setWhole] = useState(false)
  const [holds, setHolds] = useState<readonly Hold[] | null>(null)
  const [join, setJoin] = useState<JoinRequest | null>(null)
  const shown = isWhole ? needs : needs.slice(0, SHOWN)
  const { at } = useListKeys({
    title: 'Needs you',
    count: shown.length,
    rowKeys: shown.map(({ key }) => key),
    onOpen: (index) => {
      const need = shown[index]
      if (need !== undefined) go(pathOf(need.to))
    },
    more: shown.some(({ hold }) => hold !== undefined)
      ? [
          {
            keys: 'f',
            label: 'Force-release the dead hold of the row',
            run: () => {
              const hold = shown[at]?.hold
              if (hold !== undefined) setHolds([hold])
            },
          },
        ]
      : [],
  })
  return (
    <section className="column needs" aria-labelledby="needs">
      <h2 id="needs">
        Needs you <span className="tally">{needs.length}</span>
      </h2>
      {needs.length === 0 ? (
        <p className="calm">
          <Status of="done" words="Nothing waits for you" />
        </p>
      ) : (
        <ul>
          {shown.map((need, index) => (
            <NeedRow key={need.key} need={need} isAtCursor={index === at} onHold={(hold) => setHolds([hold])} onJoin={setJoin} />
          ))}
        </ul>
      )}
      {shown.length < needs.length && (
        <button type="button" className="secondary" onClick={() => setWhole(true)}>
          Show {needs.length - shown.length} more
        </button>
      )}
      {holds !== null && <ForceRelease holds={holds} onClose={() => setHolds(null)} />}
      {join !== null && <JoinDecision joinRequest={join} onClose={() => setJoin(null)} />}
    </section>
  )
}

interface NeedRowProps {
  readonly need: Need
  readonly isAtCursor: boolean
  readonly onHold: (hold: Hold) => void
  readonly onJoin: (request: JoinRequest) => void
}

function NeedRow({ need, isAtCursor, onHold, onJoin }: NeedRowProps): ReactNode {
  const pathOf = useCompanyPath()
  const { kind, title, why, since, to, act, hold, joinRequest } = need
  return (
    <li className={isAtCursor ? 'cursor' : undefined} aria-current={isAtCursor ? 'true' : undefined}>
      <div className="need-head">
        <Status of={kind} tone={tones[kind]} />
        <span className="soft">
          <Time at={since} />
        </span>
      </div>
      <Link className="need-title" to={pathOf(to)}>
        {title}
      </Link>
      <div className="need-foot">
        <p className="soft">{why}.</p>
        {hold !== undefined ? (
          <button type="button" className="secondary" onClick={() => onHold(hold)}>
            Force-release<span className="hidden"> {hold.identifier}</span>
          </button>
        ) : joinRequest !== undefined ? (
          <button type="button" className="secondary" onClick={() => onJoin(joinRequest)}>
            Decide<span className="hidden"> about {title}</span>
          </button>
        ) : (
          <Link className="button secondary" to={pathOf(to)}>
            {act}
            <span className="hidden"> {title}</span>
          </Link>
        )}
      </div>
    </li>
  )
}
