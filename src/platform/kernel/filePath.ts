// Paths of files that are data in the database and are written to a folder of this host for a run. A path of this form cannot leave its folder,
// on no file system, and two paths of a set that passed the check are never one file.

/** Longest path in bytes of UTF-8. With the folder of a run before it, it is below the 4096 bytes that a kernel takes. */
export const MAX_FILE_PATH_BYTES = 240
/** Deepest path. */
export const MAX_FILE_DEPTH = 8
/** Longest name in bytes; file systems take 255. */
const MAX_NAME_BYTES = 120

/** Names that Windows takes for devices, with whatever extension. */
const deviceName = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[\d¹²³])(?:\..*)?$/i
/** Control characters, characters that are not seen, and the signs that some file system or shell reads as more than a name. */
const refusedCharacter = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}<>:"|?*\\]/u

/** A path in its one form, or the reason why it is none. */
export type FilePathResult = { readonly path: string; readonly problem: null } | { readonly path: null; readonly problem: string }

const refused = (problem: string): FilePathResult => ({ path: null, problem })

function problemOfName(name: string): string | null {
  if (name === '' || name === '.' || name === '..') return 'it has an empty step, `.` or `..`'
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `one of its names is longer than ${MAX_NAME_BYTES} bytes`
  if (name.endsWith('.') || name !== name.trim()) return 'one of its names begins or ends with a space, or ends with a dot'
  if (deviceName.test(name)) return 'one of its names is that of a device'
  return null
}

/**
 * Reads the path of a file below a folder: relative, with `/` between its names, in NFC. A leading `./` is dropped. Pure.
 * @returns the reason for an absolute path, for `..`, backslashes, NUL and other control characters, names of devices, and what is too long or too deep
 */
export function readFilePath(given: string): FilePathResult {
  // Before anything is computed of it.
  if (given.length > MAX_FILE_PATH_BYTES) return refused(`it is longer than ${MAX_FILE_PATH_BYTES} bytes`)
  const path = given.normalize('NFC').replace(/^(?:\.\/)+/, '')
  if (path === '') return refused('it is empty')
  if (Buffer.byteLength(path) > MAX_FILE_PATH_BYTES) return refused(`it is longer than ${MAX_FILE_PATH_BYTES} bytes`)
  if (path.startsWith('/')) return refused('it is absolute')
  if (refusedCharacter.test(path)) return refused('it has a character that no file here may have in its name, such as a backslash or NUL')
  const names = path.split('/')
  if (names.length > MAX_FILE_DEPTH) return refused(`it has more than ${MAX_FILE_DEPTH} levels`)
  const problem = names.map(problemOfName).find((each) => each !== null) ?? null
  return problem === null ? { path, problem: null } : refused(problem)
}

/** The form in which two names are one on a file system that does not tell upper from lower case. */
export const foldedPath = (path: string): string => path.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC')

/**
 * Finds two paths of a set that cannot be two files of one folder: the same but for upper and lower case, or one below the other. Pure.
 * @returns a sentence, or null
 */
export function collisionIn(paths: Iterable<string>): string | null {
  const files = new Map<string, string>()
  const folders = new Map<string, string>()
  for (const path of paths) {
    const folded = foldedPath(path)
    const same = files.get(folded) ?? folders.get(folded)
    if (same !== undefined) return `${path} and ${same} cannot stand in one folder`
    files.set(folded, path)
    const names = folded.split('/')
    for (let depth = 1; depth < names.length; depth += 1) {
      const folder = names.slice(0, depth).join('/')
      const file = files.get(folder)
      if (file !== undefined) return `${path} and ${file} cannot stand in one folder`
      folders.set(folder, path)
    }
  }
  return null
}
