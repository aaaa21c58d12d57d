import type { ReactNode } from 'react'

interface HoldSectionProps {
  readonly issueId: string
  readonly isReleasing: boolean
  readonly onReleasing: (isReleasing: boolean) => void
}

/** The hold of the issue, with its story. */
export function HoldSection(_props: HoldSectionProps): ReactNode {
  return (
    <section className="card" aria-label="Hold">
      <h2>Hold</h2>
    </section>
  )
}
