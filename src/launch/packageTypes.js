// The types of what the package exports: the declarations that its entries reach, and no other file of the program.
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { root } from './bundle.js'

const run = promisify(execFile)

/** The types of the API document, in the place of the open ones that a checkout has. */
const PATHS = 'client/paths.d.ts'

const RELATIVE = /(from |import\()(['"])(\.[^'"]+)\2/g

/** @param {string} file @param {string} specifier @returns {string} the declaration that an import of another declaration means */
const declarationOf = (file, specifier) => path.join(path.dirname(file), specifier.replace(/\.[jt]s$/, '.d.ts'))

/**
 * Copies a declaration and all that it imports.
 * @param {string} from @param {string} to @param {string} file relative to both @param {Set<string>} done
 */
async function copyReached(from, to, file, done) {
  if (done.has(file)) return
  done.add(file)
  const text = await readFile(path.join(from, file), 'utf8')
  const target = path.join(to, file)
  await mkdir(path.dirname(target), { recursive: true })
  await writeFile(
    target,
    text.replaceAll(RELATIVE, (_, before, quote, specifier) => `${before}${quote}${specifier.replace(/\.ts$/, '.js')}${quote}`),
  )
  for (const [, , , specifier = ''] of text.matchAll(RELATIVE)) await copyReached(from, to, declarationOf(file, specifier), done)
}

/**
 * Writes the declarations of entries.
 * @param {readonly string[]} entries relative to the root @param {string} target the folder to write
 * @throws when the sources have errors of types
 */
export async function writeTypes(entries, target) {
  const work = await mkdtemp(path.join(root, 'build', 'types.'))
  try {
    const settings = {
      extends: path.join(root, 'tsconfig.json'),
      compilerOptions: {
        noEmit: false,
        declaration: true,
        emitDeclarationOnly: true,
        incremental: false,
        tsBuildInfoFile: null,
        rootDir: path.join(root, 'src'),
        outDir: path.join(work, 'out'),
        typeRoots: [path.join(root, 'node_modules/@types')],
      },
      files: entries.map((entry) => path.join(root, entry)),
      include: [],
    }
    const config = path.join(work, 'tsconfig.json')
    await writeFile(config, JSON.stringify(settings))
    await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', config])
    await run(process.execPath, [path.join(root, 'tools/api-document/types.mjs'), path.join(work, 'paths.d.ts')])
    const done = new Set()
    for (const entry of entries)
      await copyReached(path.join(work, 'out'), target, entry.replace(/^src\//, '').replace(/\.ts$/, '.d.ts'), done)
    if (existsSync(path.join(target, PATHS))) await copyFile(path.join(work, 'paths.d.ts'), path.join(target, PATHS))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
