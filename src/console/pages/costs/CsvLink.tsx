import type { ReactNode } from 'react'
import type { Query } from '../../api/client.ts'
import { useCsvAddress } from './data.ts'

interface CsvLinkProps {
  /** The last part of the address of the list. */
  readonly endpoint: string
  readonly query: Query
  /** The name of the list, for readers of screens. */
  readonly name: string
}

/** A link to a list as a file of CSV, which the server makes. */
export function CsvLink({ endpoint, query, name }: CsvLinkProps): ReactNode {
  const addressOf = useCsvAddress()
  return (
    <a className="button secondary" href={addressOf(endpoint, query)} download>
      CSV<span className="hidden"> of {name}</span>
    </a>
  )
}
