import type { HeadHistory } from './headHistory.ts'
import type { WitnessProblem } from './witnessProblems.ts'

/** The copy in the database of the last line's number and signature. */
export interface WitnessCopy {
  readonly line: number
  readonly signature: string
}

export interface WitnessFacts {
  readonly copy: WitnessCopy | null
  /** The last line in the folder of copies, where there is one. */
  readonly copied: WitnessCopy | null
  readonly history: HeadHistory
  readonly hasSealedRows: boolean
  /** Another server's home has a copy in this database. */
  readonly hasOtherWitness: boolean
  /** A copy was written by a home at this very place, with another key. */
  readonly hasOtherKeyAtPlace: boolean
}

/** `null`: the witness is whole. `opened`, `adopted`, `joined`: it begins, and says so in its first line. */
export type WitnessFinding = WitnessProblem | 'opened' | 'adopted' | 'joined' | null

/** Decides what a home's witness is worth. The copy must have been read before the file, because lines are written to the file first. */
export function assessWitness({ copy, copied, history, ...facts }: WitnessFacts): WitnessFinding {
  const { last } = history
  if (last === null) return assessWithoutLines({ copy, copied, history, ...facts })
  if (history.isCut) return 'file_cut'
  if (!history.isLastGenuine) return 'file_replaced'
  const finding = contradiction(copied, history) ?? contradiction(copy, history)
  if (finding !== null) return finding
  if (copy === null) return last.stored > 0 ? 'database_copy_missing' : null
  return copy.line < last.stored ? 'database_copy_rolled_back' : null
}

/** A copy is made after its line, so it names a line of the file. The folder may name one that is no longer kept. */
function contradiction(copy: WitnessCopy | null, history: HeadHistory): WitnessProblem | null {
  if (copy === null) return null
  if (copy.line > history.lastLine) return 'file_cut'
  return history.signaturesAt(copy.line).every((signature) => signature !== copy.signature) ? 'file_replaced' : null
}

function assessWithoutLines({ copy, copied, history, hasSealedRows, hasOtherWitness, hasOtherKeyAtPlace }: WitnessFacts): WitnessFinding {
  if (copy !== null || copied !== null) return 'file_missing'
  if (hasOtherKeyAtPlace || history.hasForeignLines) return 'key_replaced'
  if (history.hasUnnumberedLines) return 'adopted'
  if (!hasSealedRows) return 'opened'
  return hasOtherWitness ? 'joined' : 'missing'
}
