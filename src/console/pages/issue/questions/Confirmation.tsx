import type { ReactNode } from 'react'
import type { Interaction } from '../../../api/types.ts'
import { Problem } from '../../../parts/Problem.tsx'
import { VisibleText } from '../../../texts/VisibleText.tsx'
import { IssueText } from '../IssueText.tsx'
import { documentAddress } from '../documents/address.ts'
import { confirmationOf } from './payloads.ts'
import { Reject } from './Reject.tsx'
import { useResolve } from './useResolve.ts'

/** The prompt of a confirmation, with its details and the document that it is about. */
export function ConfirmationText({ interaction }: { readonly interaction: Interaction }): ReactNode {
  const { prompt, detailsMarkdown, target } = confirmationOf(interaction)
  return (
    <>
      <p className="prompt">
        <VisibleText text={prompt} />
      </p>
      {detailsMarkdown != null && <IssueText text={detailsMarkdown} />}
      {target?.type === 'issue_document' && (
        <p>
          It is about{' '}
          <button type="button" className="link" onClick={() => documentAddress.open(target.key, 'read')}>
            revision {target.revisionNumber ?? ''} of the document {target.key}
          </button>
          .
        </p>
      )}
    </>
  )
}

/** A question that is accepted or rejected. */
export function Confirmation({ interaction }: { readonly interaction: Interaction }): ReactNode {
  const { acceptLabel, rejectLabel, rejectRequiresReason } = confirmationOf(interaction)
  const { resolve, isBusy, problem } = useResolve(interaction)
  return (
    <>
      <ConfirmationText interaction={interaction} />
      {problem !== null && <Problem problem={problem} />}
      <div className="row">
        <button type="button" disabled={isBusy} onClick={() => resolve('accept', {}, 'It is accepted.')}>
          {acceptLabel ?? 'Accept'}
        </button>
        <Reject interaction={interaction} words={rejectLabel ?? 'Reject'} needsReason={rejectRequiresReason === true}>
          <p>
            <VisibleText text={confirmationOf(interaction).prompt} />
          </p>
        </Reject>
      </div>
    </>
  )
}
