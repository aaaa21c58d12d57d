// The file of a backup as entries: writing them, and reading them again with every byte checked.

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { extract, pack } from 'tar-stream'
import type { Pack } from 'tar-stream'
import { isStartProblem, startProblem } from '../platform/kernel/startProblem.ts'
import { AGE_INTRO, decrypted } from './encryption.ts'
import type { Decryption } from './encryption.ts'
import { createSeal, createSealCheck } from './seal.ts'

/** A backup that is being written. */
export interface ArchiveWriter {
  /** The bytes of the file, compressed and sealed. */
  readonly bytes: Readable
  /** Adds an entry; resolves when it has left this process, so the writer is never faster than the disk. */
  add(name: string, content: Buffer): Promise<void>
  /** No entry follows. */
  end(): void
  /** Ends the stream with an error, so that no reader takes it for whole. */
  fail(error: Error): void
}

/** Level 1: three times faster than the usual level, and a quarter larger. The server serves meanwhile. */
const GZIP_LEVEL = 1

/** @param at the time that each entry has, so that the same content makes the same bytes */
export function createArchiveWriter(at: Date): ArchiveWriter {
  const tar: Pack = pack()
  const seal = createSeal()
  // A failure of a part reaches `bytes`, whose reader reports it.
  pipeline(tar, createGzip({ level: GZIP_LEVEL }), seal).catch(() => {})
  return {
    bytes: seal,
    add: (name, content) =>
      new Promise((resolve, reject) => {
        const lost = (): void => reject(seal.errored ?? new Error('the backup is no longer written'))
        if (seal.destroyed) return lost()
        seal.once('close', lost)
        tar.entry({ name, size: content.length, mode: 0o600, mtime: at }, content, (error) => {
          seal.off('close', lost)
          if (error) reject(error)
          else resolve()
        })
      }),
    end: () => tar.finalize(),
    fail: (error) => void seal.destroy(error),
  }
}

/** An entry of a backup. Its body must be read to its end. */
export interface ArchiveEntry {
  readonly name: string
  readonly body: AsyncIterable<Buffer>
}

const DAMAGED = 'The backup is cut or changed, or is none: its bytes do not fit the digest at its end. Take another backup'

/** The error of a file that is not whole, as a sentence; an error of the visitor stays as it is, and one of the disk says nothing about the file. */
function damaged(error: unknown): unknown {
  if (isStartProblem(error)) return error
  const { syscall, message } = error as NodeJS.ErrnoException
  return typeof syscall === 'string' ? startProblem(`The backup cannot be read: ${message}`, error) : startProblem(DAMAGED, error)
}

async function openPlain(file: string, decryption: Decryption | null): Promise<Readable> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw startProblem(`The backup cannot be read: ${(error as Error).message}`, error)
  })
  const intro = Buffer.alloc(AGE_INTRO.length)
  try {
    if (!(await handle.stat()).isFile()) throw startProblem(`${file} is not a file`)
    await handle.read(intro, 0, intro.length, 0)
  } finally {
    await handle.close()
  }
  const read = (): Readable => createReadStream(file)
  return intro.toString('latin1') === AGE_INTRO ? await decrypted(read, decryption) : read()
}

/**
 * Reads a backup from its first byte to its last, in bounded memory. The findings of the visitor count only when this resolves: then every
 * byte was the one that was written.
 * @returns the digest of the whole file
 * @throws an error with a sentence for the operator when the file is cut, changed or none; what `visit` throws; the reason of the signal
 */
export async function readArchive(
  { file, decryption, signal }: ArchiveSource,
  visit: (entry: ArchiveEntry) => Promise<void>,
): Promise<string> {
  signal?.throwIfAborted()
  const source = await openPlain(file, decryption)
  const end = (): void => void source.destroy()
  signal?.addEventListener('abort', end, { once: true })
  let digest: string | undefined
  let visitorFailure: { readonly error: unknown } | undefined
  const tar = extract()
  const check = createSealCheck((hex) => void (digest = hex))
  const reading = pipeline(source, check, createGunzip(), tar)
  reading.catch(() => {})
  try {
    for await (const entry of tar)
      await visit({ name: entry.header.name, body: readingOf(entry as AsyncIterable<Buffer>) }).catch((error: unknown) => {
        if (!(error instanceof Error && isBroken in error)) visitorFailure = { error }
        throw error
      })
    await reading
  } catch (error) {
    source.destroy()
    signal?.throwIfAborted()
    throw visitorFailure === undefined ? damaged(error) : visitorFailure.error
  } finally {
    signal?.removeEventListener('abort', end)
  }
  if (digest === undefined) throw startProblem(DAMAGED)
  return digest
}

const isBroken: unique symbol = Symbol('the bytes of an entry broke under their reader')

async function* readingOf(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* body
  } catch (error) {
    throw Object.assign(new Error('the bytes of an entry cannot be read', { cause: error }), { [isBroken]: true })
  }
}

/** The name of a file, and how it is opened where it is encrypted. */
export interface ArchiveSource {
  readonly file: string
  readonly decryption: Decryption | null
  /** Ends the reading in the middle. */
  readonly signal?: AbortSignal
}
