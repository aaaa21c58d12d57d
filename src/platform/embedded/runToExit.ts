import { open, readFile, rm } from 'node:fs/promises'
import type { SpawnOptions } from './parentDeathSignal.ts'
import { spawnWithDeathSignal } from './parentDeathSignal.ts'

/** A program with its input, which is empty unless given. */
type Program = Omit<SpawnOptions, 'output' | 'input'> & { readonly input?: string }

/**
 * Runs a program to its end, with its output in a file that is removed afterwards.
 * @returns null when it exited with code 0; otherwise how it ended, with its output
 */
export async function runToExit(outputFile: string, { input = '', ...program }: Program): Promise<string | null> {
  const inputFile = `${outputFile}.in`
  const output = await open(outputFile, 'wx', 0o600)
  const source = await open(inputFile, 'wx+', 0o600)
  try {
    await source.write(input, 0)
    const ended = await exitOf({ ...program, output: output.fd, input: source.fd })
    return ended === 'code 0' ? null : `${ended}:\n${await readFile(outputFile, 'utf8')}`
  } finally {
    await Promise.all([output.close(), source.close()])
    await Promise.all([outputFile, inputFile].map((file) => rm(file, { force: true })))
  }
}

async function exitOf(options: SpawnOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawnWithDeathSignal(options)
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal === null ? `code ${code}` : `signal ${signal}`))
  })
}
