/**
 * Problems of the witness, which is the file of heads and its copy in the database:
 * `missing`: rows are sealed, and neither a file nor a copy exists, so nothing shows whether rows were cut;
 * `key_replaced`: the file, or the copy, was signed with another key than that of the home;
 * `file_missing`: the copy exists and the file does not; `file_cut`: lines of the file are missing;
 * `file_replaced`: the file has other lines than those that the copy names;
 * `database_copy_missing`, `database_copy_rolled_back`: the copy is older than the file says that it was;
 * `timeline_unwitnessed`: the database was restored elsewhere, and this home has no heads of before that could show a cut.
 */
export const witnessProblems = [
  'missing',
  'key_replaced',
  'file_missing',
  'file_cut',
  'file_replaced',
  'database_copy_missing',
  'database_copy_rolled_back',
  'timeline_unwitnessed',
] as const

export type WitnessProblem = (typeof witnessProblems)[number]

/** Whether a note or a finding is a problem. */
export const isProblem = (finding: string | null): finding is WitnessProblem =>
  (witnessProblems as readonly (string | null)[]).includes(finding)
