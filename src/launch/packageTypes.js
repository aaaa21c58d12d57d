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
 * Writes all declarations that the compiler can make. A checkout has none, so a type of the program may be one that no declaration can name: that is an
 * error of its file, and of no consequence where no entry reaches it.
 * @param {string} config the settings of the compiler @returns {Promise<string>} its errors
 */
async function emit(config) {
  try {
    await run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-p', config], {
      cwd: root,
      maxBuffer: 16 * 1024 * 1024,
    })
    return ''
  } catch (error) {
    if (typeof error !== 'object' || error === null || !('stdout' in error) || !String(error.stdout).includes('error TS')) throw error
    return String(error.stdout)
  }
}

/** @param {string} errors of the compiler @param {ReadonlySet<string>} reached declarations @returns {string[]} the errors that count */
const errorsIn = (errors, reached) =>
  errors.split('\n').filter((line) => {
    const [, file] = /^src\/([^(]+)\.ts\(\d+,\d+\): error TS/.exec(line) ?? []
    return file === undefined ? line.startsWith('error TS') : reached.has(`${file}.d.ts`)
  })

/**
 * Writes the declarations of entries.
 * @param {readonly string[]} entries relative to the root @param {string} target the folder to write
 * @throws when a file that they reach has an error of types
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
      include: [path.join(root, 'src/**/*.d.ts')],
      exclude: [path.join(root, 'src/console')],
    }
    const config = path.join(work, 'tsconfig.json')
    await writeFile(config, JSON.stringify(settings))
    const errors = await emit(config)
    await run(process.execPath, [path.join(root, 'tools/api-document/types.mjs'), path.join(work, 'paths.d.ts')])
    const done = new Set()
    for (const entry of entries)
      await copyReached(path.join(work, 'out'), target, entry.replace(/^src\//, '').replace(/\.ts$/, '.d.ts'), done)
    const own = errorsIn(errors, done)
    if (own.length > 0) throw new Error(`The types of the package cannot be made:\n${own.join('\n')}`)
    if (existsSync(path.join(target, PATHS))) await copyFile(path.join(work, 'paths.d.ts'), path.join(target, PATHS))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
