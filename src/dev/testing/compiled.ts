import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { threadId } from 'node:worker_threads'
import { build as makeBundle } from 'esbuild'
import type { Plugin } from 'esbuild'
import { workFolder } from './workFolder.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const made = new Map<string, Promise<string>>()

/** A source stays at its own place in the compiled file: its `import.meta.url` names the source. */
const placesOfSources: Plugin = {
  name: 'places of sources',
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/, namespace: 'file' }, async ({ path: file }) => ({
      contents: (await readFile(file, 'utf8')).replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href)),
      loader: 'ts',
    }))
  },
}

/** For packages that are CommonJS. */
const banner = "import { createRequire as requireFrom } from 'node:module'\nconst require = requireFrom(import.meta.url)"

/**
 * Compiles a program with all that it imports.
 * @param source its file, from the root of the checkout
 * @param outfile the file to write, which is the place of every source in it
 */
export const compileInto = (source: string, outfile: string): Promise<void> => bundle(source, outfile, [])

async function bundle(source: string, outfile: string, plugins: Plugin[]): Promise<void> {
  await makeBundle({
    entryPoints: [path.join(root, source)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: banner },
    plugins,
    logLevel: 'silent',
  })
}

async function compile(source: string): Promise<string> {
  const outfile = path.join(workFolder, 'compiled', `${path.basename(source, '.ts')}-${threadId}.mjs`)
  await bundle(source, outfile, [placesOfSources])
  return outfile
}

/**
 * A program as one file of JavaScript, made once for the files of tests that start it often: the loader of TypeScript takes half a second of a
 * processor at each start.
 * @param source its file, from the root of the checkout
 */
export function compiled(source: string): Promise<string> {
  const file = made.get(source) ?? compile(source)
  made.set(source, file)
  return file
}
