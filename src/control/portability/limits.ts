/** Bytes of a request that carries a package, as JSON; a package that would not come back in is not given out. */
export const MAX_PACKAGE_BYTES = 2 * 1024 * 1024
/** Files of one package: everything of it is created in one transaction, which holds the company's lock. */
export const MAX_FILES = 500
/** Longest path of a file inside a package, in characters. */
export const MAX_PATH_LENGTH = 500
