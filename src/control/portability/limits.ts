/** Maximum bytes of a package as JSON. Export and import have the same limit, so every exported package can be imported. */
export const MAX_PACKAGE_BYTES = 2 * 1024 * 1024
/** Maximum files of one package. All of them are created in one transaction, which has the company's row lock. */
export const MAX_FILES = 500
/**
 * Maximum blockers, labels, documents and work products of issues, and workspaces and goals of projects of one package together: the other rows of the same transaction. Each
 * costs Postgres 50 µs, most of it for its foreign keys, so all of them take a fifth of the time that a transaction has.
 */
export const MAX_RELATIONS = 20_000
/**
 * As so many relations each counts that is more than a link: a workspace is a row of many columns, a work product has an audit row
 * besides, and a document a revision, too.
 */
export const WEIGHTS = { workspaces: 2, workProducts: 4, documents: 5 } as const
/** Maximum triggers of the routines of one package. The next time of each schedule is found in the transaction. */
export const MAX_PACKAGE_TRIGGERS = 500
/** Longest path of a file inside a package, in characters. */
export const MAX_PATH_LENGTH = 500
