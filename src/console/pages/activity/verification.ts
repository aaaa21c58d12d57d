// The words for what a verification of the chain finds.

import type { Verification } from '../../api/types.ts'

type BreakKind = NonNullable<Verification['firstBroken']>['kind']
type WitnessProblem = NonNullable<Verification['witness']['problem']>

/** The meaning of each break of a chain. */
export const breakWords: Readonly<Record<BreakKind, string>> = {
  edited: 'The row differs from the row that was recorded: it was changed, or swapped with another row.',
  removed: 'The row was deleted.',
  unlinked: 'The link of the row in the chain was deleted.',
  reordered: 'The links are not in the order of their rows.',
  inserted: 'A row that was never recorded in the chain lies among recorded rows.',
  rewritten: 'The chain fits together, but it contradicts an end of it that was recorded outside of the database.',
  cut: 'The end of the chain was cut off: an end that was recorded outside of the database lies behind it.',
}

/** The faults of the record of heads outside of the database. */
export const witnessWords: Readonly<Record<WitnessProblem, string>> = {
  missing: 'Rows are recorded, but there is neither a file of heads nor its copy. Nothing shows whether rows were cut off.',
  key_replaced: 'The heads were signed with another key than that of this server.',
  file_missing: 'The file of heads is gone; the copy in the database exists.',
  file_cut: 'Lines of the file of heads are missing.',
  file_replaced: 'The file of heads has other lines than those that its copy names.',
  database_copy_missing: 'The copy in the database is older than the file of heads says that it was.',
  database_copy_rolled_back: 'The copy in the database was set back to an earlier state.',
  timeline_unwitnessed: 'The database was restored elsewhere, and this server has no heads of before that could show a cut.',
}

const timelineCauses: Readonly<Record<string, string>> = {
  counter_behind: 'the counter of the database was behind its rows',
  other_cluster: 'the database came from another cluster',
}

/** "Timeline 2 began …". */
export const timelineWords = ({ timeline, cause, witness }: Verification['timelines'][number]): string =>
  `Timeline ${timeline}: ${timelineCauses[cause] ?? cause.replaceAll('_', ' ')}; the heads outside of the database: ${witness}.`
