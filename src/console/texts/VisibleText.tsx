import { Fragment } from 'react'
import type { ReactNode } from 'react'
import { codePointName, stretchesOf } from './hiddenCharacters.ts'

/**
 * A text that an agent or a person wrote: always text, in a direction of its own, and with the names of characters that are not seen in
 * their places.
 */
export const VisibleText = ({ text }: { readonly text: string }): ReactNode => (
  <bdi className="written">
    {stretchesOf(text).map(({ text: part, isHidden }, at) =>
      isHidden ? (
        <mark key={at} className="unseen" title="A character that is not seen, or that changes the order of others">
          {codePointName(part)}
        </mark>
      ) : (
        <Fragment key={at}>{part}</Fragment>
      ),
    )}
  </bdi>
)
