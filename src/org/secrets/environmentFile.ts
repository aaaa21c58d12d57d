import { open } from 'node:fs/promises'
import type { ExternalProvider } from './providers.ts'

/** More than any list of variables, and little enough to be read at the start of a run. */
const MAX_BYTES = 1024 * 1024

const line = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)$/
const variable = /^[A-Za-z_][A-Za-z0-9_]{0,199}$/

/** The value behind `=`: in single quotes as it is, in double quotes with the escapes of line ends, quotes and backslashes, else up to a comment. */
function unquoted(text: string): string {
  const single = /^'([^']*)'/.exec(text)?.[1]
  if (single !== undefined) return single
  const double = /^"((?:[^"\\]|\\.)*)"/.exec(text)?.[1]
  if (double !== undefined) return double.replaceAll(/\\(.)/g, (_, escaped: string) => ({ n: '\n', r: '\r', t: '\t' })[escaped] ?? escaped)
  // A pattern that begins with any number of spaces takes the square of their number.
  const comment = text.search(/[ \t]#/)
  return (comment === -1 ? text : text.slice(0, comment)).trimEnd()
}

/** The variables of a file of lines `NAME=value`. Lines of another form are comments. The last of a name counts. */
export function parseEnvironment(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const each of text.split(/\r?\n/)) {
    const [, name, value] = line.exec(each) ?? []
    if (name !== undefined && value !== undefined) values.set(name, unquoted(value))
  }
  return values
}

/** @throws Error when the file cannot be read or is too large */
async function readBounded(file: string): Promise<string> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    if (size > MAX_BYTES) throw new Error('the file has more than 1 MiB')
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/**
 * The provider of values in a file that the operator names. It is read whenever a run starts, so a changed value is used at once. A request names a
 * variable in it and never the file.
 */
export const environmentFileProvider = (file: string): ExternalProvider => ({
  id: 'environment_file',
  label: 'A file of variables on the host of this server',
  accepts: (externalRef) => variable.test(externalRef),
  read: async (externalRef) => parseEnvironment(await readBounded(file)).get(externalRef) ?? null,
})
