import path from 'node:path'
import { z } from 'zod'
import { command } from '../command.ts'
import type { Io } from '../io.ts'
import { commandProblem, EXIT, interruptedBy, interruptedWith, usageProblem } from '../problem.ts'
import { sentence } from '../screen.ts'

/** Bytes of a log that are read from the standard input. */
const MAX_LOG_BYTES = 64 * 1024 * 1024

/** `paperclip-support-20261130-110000` */
const nameAt = (at: number): string =>
  `paperclip-support-${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}`

type ReadLog = (() => Promise<string>) | null

/** Where the log is: a file, the standard input, or nowhere that this command can read. */
async function logReader(io: Io, asked: string | undefined, ofServer: string | null): Promise<ReadLog> {
  const { readTail } = await import('../../observe/support/index.ts')
  if (asked === '-') {
    const text = await io.readInput(MAX_LOG_BYTES)
    return () => Promise.resolve(text)
  }
  const file = asked ?? ofServer
  return file === null ? null : () => Promise.resolve(readTail(file))
}

/** A name of a file that is there is never written over. */
async function write(file: string, folder: string, files: readonly { readonly name: string; readonly text: string }[]): Promise<void> {
  const { writeArchive } = await import('../../observe/support/index.ts')
  await writeArchive(file, folder, files).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') throw usageProblem(`${file} exists`, 'give another name')
    throw commandProblem(EXIT.bad, { message: `${file} cannot be written (${error.code ?? error.name})` })
  })
}

export const supportBundleCommand = command({
  name: 'support-bundle',
  summary: 'Write an archive that describes this server to those who help, without texts, names or keys',
  details:
    'The archive has settings with secrets covered, health, metrics, sizes and settings of the database, findings of the doctor, and the newest lines of the log. It is readable for its owner only. A part that cannot be had is left out and named.',
  example: [
    'paperclip-server support-bundle',
    'journalctl -u paperclip-server -o cat | paperclip-server support-bundle --log - bundle.tar.gz',
  ],
  options: z.object({
    file: z.string().min(1).optional().describe('The archive to write; without it a new one in this folder'),
    log: z
      .string()
      .min(1)
      .optional()
      .describe('The file with the log of the server, or - for the standard input; without it the file that PAPERCLIP_LOG_FILE names'),
  }),
  positionals: ['file'],
  database: true,
  run: async (io, { file, log }) => {
    const { collectSupport } = await import('../../observe/support/index.ts')
    const { sourcesOf } = await import('../supportPlace.ts')
    const sources = await sourcesOf(io, (ofServer) => logReader(io, log, ofServer))
    const { files, missing } = await collectSupport(sources)
    // A part that the interrupt took away would be named as one that cannot be had.
    if (interruptedBy(io.signal) !== null) throw interruptedWith('no archive was written')
    const name = nameAt(io.now())
    const target = path.resolve(file ?? `${name}.tar.gz`)
    await write(target, name, files)
    const absent = Object.entries(missing).map(([part, reason]) => `\n${sentence`  ${part} is missing: ${reason}`}`)
    const text = `${target}\nLook through it before you send it.${absent.join('')}`
    return { data: { file: target, files: files.map((each) => each.name), missing }, text }
  },
})
