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

/** The files of a built console by their names below `/console/`; null where it is not built. */
export async function readConsole(folder: string): Promise<ReadonlyMap<string, ConsoleFile> | null> {
  const names = await readdir(folder, { recursive: true }).catch(() => null)
  if (names === null) return null
  const plain = names.filter((name) => path.extname(name) in types)
  return new Map(await Promise.all(plain.map(async (name) => [name, await readCoded(path.join(folder, name))] as const)))
}
