import type { ReactNode } from 'react'
import type { IssueDetail, WorkProduct } from '../../api/types.ts'
import { Status, wordsOf } from '../../parts/Status.tsx'
import { safeAddress } from '../../texts/markdownTree.ts'
import { VisibleText } from '../../texts/VisibleText.tsx'

/** The results of the work, such as a branch or a page: the primary one first; nothing where there is none. */
export function Results({ issue }: { readonly issue: IssueDetail }): ReactNode {
  const products = issue.workProducts as unknown as readonly WorkProduct[]
  if (products.length === 0) return null
  return (
    <section aria-label="Results">
      <h2>Results</h2>
      <ul className="tree">
        {products.map((product) => (
          <li key={product.id} className="issue-line">
            <Status of={product.status} />
            <Product product={product} />
            <span className="soft">{`${wordsOf(product.type)}, ${wordsOf(product.reviewState)}`}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Product({ product: { url, title } }: { readonly product: WorkProduct }): ReactNode {
  const address = url === null ? null : safeAddress(url)
  if (address === null) return <VisibleText text={title} />
  return (
    <a href={address} title={address} target="_blank" rel="noopener noreferrer nofollow">
      <VisibleText text={title} />
    </a>
  )
}
