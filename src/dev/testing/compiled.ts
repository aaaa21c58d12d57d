import path from 'node:path'
import { threadId } from 'node:worker_threads'
import { build } from 'esbuild'
import { workFolder } from './workFolder.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const made = new Map<string, Promise<string>>()

async function compile(source: string): Promise<string> {
  const outfile = path.join(workFolder, 'compiled', `${path.basename(source, '.ts')}-${threadId}.mjs`)
  await build({
    entryPoints: [path.join(root, source)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  })
  return outfile
}

/**
 * A program as one file of JavaScript, made once for the files of tests that start it often: the loader of TypeScript takes half a second of a
 * processor at each start. Only for programs that look for no file by their own place.
 * @param source its file, from the root of the checkout
 */
export function compiled(source: string): Promise<string> {
  const file = made.get(source) ?? compile(source)
  made.set(source, file)
  return file
}
