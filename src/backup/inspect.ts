import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { z } from 'zod'
import { unknownMigrations } from '../platform/db/migrations.ts'
import { startProblem } from '../platform/kernel/startProblem.ts'
import { readArchive } from './archive.ts'
import type { ArchiveEntry, ArchiveSource } from './archive.ts'
import { CONTENTS_ENTRY, contentsSchema, DESCRIPTION_ENTRY, descriptionSchema, FORMAT, tableOfEntry } from './format.ts'
import type { Contents, Description } from './format.ts'
import { readJsonEntry } from './readEntry.ts'

/** A backup whose every byte was checked. */
export interface InspectedBackup {
  readonly description: Description
  readonly contents: Contents
  /** The digest at its end: the same for every copy of the file, however it is encrypted. */
  readonly digest: string
}

const anyFormat = z.looseObject({ format: z.int().positive() })

/** @throws an error with a sentence for the operator when a newer build wrote it */
async function readDescription(entry: ArchiveEntry, folder: string | undefined): Promise<Description> {
  if (entry.name !== DESCRIPTION_ENTRY) throw startProblem('This file is no backup of this program')
  const found = await readJsonEntry(entry, anyFormat)
  if (found.format > FORMAT)
    throw startProblem(
      `The backup has the format ${found.format} and this build reads up to ${FORMAT}: restore it with the build that made it, or a newer one`,
    )
  const parsed = descriptionSchema.safeParse(found)
  if (!parsed.success) throw startProblem('The backup cannot be read: its description is not as this program writes it', parsed.error)
  const unknown = unknownMigrations(parsed.data.migrations, folder)
  if (unknown.length > 0)
    throw startProblem(
      `The backup is of a newer schema than this build has (it was made by version ${parsed.data.version}, with ${unknown.length} more migrations): restore it with that build, or a newer one`,
    )
  return parsed.data
}

interface Counted {
  readonly hash: Hash
  bytes: number
}

const MISPLACED = 'The backup cannot be read: its parts are not in their order'

/**
 * Reads a backup from its first byte to its last and checks all of it, without a database.
 * @param folder the migrations of this build, where they are others than usual
 * @throws an error with a sentence for the operator when the file is cut, changed, none, or of a newer build
 */
export async function inspectBackup(source: ArchiveSource, folder?: string): Promise<InspectedBackup> {
  let description: Description | undefined
  let contents: Contents | undefined
  const counted = new Map<string, Counted>()
  let current: string | undefined
  const digest = await readArchive(source, async (entry) => {
    if (description === undefined) return void (description = await readDescription(entry, folder))
    if (contents !== undefined) throw startProblem(MISPLACED)
    if (entry.name === CONTENTS_ENTRY) return void (contents = await readJsonEntry(entry, contentsSchema))
    const table = tableOfEntry(entry.name)
    const isNew = table !== current
    if (table === null || (isNew && counted.has(table)) || description.tables.every(({ name }) => name !== table))
      throw startProblem(MISPLACED)
    current = table
    const count = counted.get(table) ?? { hash: createHash('sha256'), bytes: 0 }
    counted.set(table, count)
    for await (const part of entry.body) {
      count.hash.update(part)
      count.bytes += part.length
    }
  })
  if (description === undefined || contents === undefined) throw startProblem(MISPLACED)
  requireTables(contents, counted)
  return { description, contents, digest }
}

const NOTHING = createHash('sha256').digest('hex')

function requireTables({ tables }: Contents, counted: ReadonlyMap<string, Counted>): void {
  const fits = tables.every(({ name, bytes, sha256 }) => {
    const count = counted.get(name)
    return count === undefined ? bytes === 0 && sha256 === NOTHING : count.bytes === bytes && count.hash.digest('hex') === sha256
  })
  if (!fits || [...counted.keys()].some((name) => tables.every((table) => table.name !== name)))
    throw startProblem('The backup contradicts its own list of contents: take another backup')
}
