// The files of the built console, held in memory: under a megabyte, and no request ever becomes a path.

import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Coding } from '../../http/compress.ts'

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
}

/** One file with its codings. */
export interface ConsoleFile {
  readonly type: string
  readonly etag: string
  readonly bodies: ReadonlyMap<Coding | null, Buffer>
}

/** The files of a console by their names below `/console/`. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>

async function readCoded(file: string): Promise<ConsoleFile> {
  const [plain, br, gzip] = await Promise.all([readFile(file), readFile(`${file}.br`), readFile(`${file}.gzip`)])
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 32)
  return {
    type: types[path.extname(file)] ?? 'application/octet-stream',
    etag: hash,
    bodies: new Map<Coding | null, Buffer>([
      [null, plain],
      ['br', br],
      ['gzip', gzip],
    ]),
  }
}

async function readFolder(folder: string): Promise<ConsoleFiles> {
  const names = await readdir(folder, { recursive: true })
  const plain = names.filter((name) => path.extname(name) in types)
  return new Map(await Promise.all(plain.map(async (name) => [name, await readCoded(path.join(folder, name))] as const)))
}

/** The assets of the consoles before this one: a page that was open when the server was replaced still loads its parts. */
async function readEarlier(folder: string): Promise<ConsoleFiles> {
  const [above, own] = [path.dirname(folder), path.basename(folder)]
  const earlier = (await readdir(above)).filter((name) => name !== own && /^console-[0-9a-f]{32}$/.test(name))
  // The start of another version may remove one meanwhile.
  const read = await Promise.all(earlier.map((name) => readFolder(path.join(above, name)).catch(() => new Map<string, ConsoleFile>())))
  return new Map(read.flatMap((files) => [...files].filter(([name]) => name.startsWith('assets/'))))
}

/** The files of a built console; null where it is not built. */
export async function readConsole(folder: string): Promise<ConsoleFiles | null> {
  const files = await readFolder(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  })
  return files === null ? null : new Map([...(await readEarlier(folder)), ...files])
}
