// The program as one file: a start that compiles every source file costs three seconds of CPU more than one that reads a bundle.
// It is JavaScript, so that it runs without the loader of TypeScript.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const sources = path.join(root, 'src')
const folder = path.join(root, 'build')

/** Bundles of earlier versions that stay, so that one that is just being loaded is not removed. */
const KEPT = 3

/** Files that decide about the bundle, beside the sources. */
const settings = ['package-lock.json', 'tsconfig.json']

/** @param {string} name */
const isOfProgram = (name) => /\.[jt]s$/.test(name) && !/\.(?:test|fixture)\.ts$/.test(name)

/** @param {string} from @returns {string[]} the files of the program below a folder, in an order that does not change */
const filesBelow = (from) =>
  readdirSync(from, { withFileTypes: true })
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.join(from, entry.name)
      if (entry.isDirectory()) return file === path.join(sources, 'dev') ? [] : filesBelow(file)
      return isOfProgram(entry.name) ? [file] : []
    })

/**
 * Where the bundle of exactly these sources stands, or will stand. Its name has the hash of their content, so that nobody runs the bundle
 * of other sources, whatever changed them.
 * @returns {string} the path of the bundle
 */
export function bundleFile() {
  const hash = createHash('sha256')
  for (const file of [...settings.map((name) => path.join(root, name)), ...filesBelow(sources)]) {
    const content = readFileSync(file)
    hash.update(`${path.relative(root, file)}\0${content.length}\0`).update(content)
  }
  return path.join(folder, `server-${hash.digest('hex').slice(0, 32)}.mjs`)
}

/** `import.meta` of a source file means that file also in the bundle. Both are found from the place of the checkout. */
const placesOfSources = {
  name: 'places of sources',
  /** @param {import('esbuild').PluginBuild} build */
  setup(build) {
    build.onLoad({ filter: /\.[jt]s$/, namespace: 'file' }, async ({ path: file }) => {
      if (!file.startsWith(sources)) return null
      const place = `sourceUrl(${JSON.stringify(path.relative(root, file).split(path.sep).join('/'))})`
      const text = await readFile(file, 'utf8')
      return { contents: text.replaceAll('import.meta.url', place), loader: file.endsWith('.ts') ? 'ts' : 'js' }
    })
  },
}

/**
 * Makes the bundle unless it stands there. Two that make it at once make the same file, and each is complete when it gets its name.
 * @returns {Promise<string>} its path
 * @throws when the folder cannot be written, or a source does not compile
 */
export async function makeBundle() {
  const file = bundleFile()
  if (existsSync(file)) return file
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    outfile: file,
    write: false,
    logLevel: 'silent',
    banner: { js: `const sourceUrl = (file) => new URL('../' + file, import.meta.url).href` },
    plugins: [placesOfSources],
  })
  // Whatever the umask is, only the owner may change what the next start runs.
  await mkdir(folder, { recursive: true, mode: 0o755 })
  // The map first: the bundle names it. Flushed, or a power failure could leave an empty file under a name that is trusted.
  for (const output of outputFiles.toSorted((one, other) => other.path.length - one.path.length)) {
    const partial = `${output.path}.${process.pid}`
    await writeFile(partial, output.contents, { flush: true, mode: 0o644 })
    await rename(partial, output.path)
  }
  await removeOldBundles()
  return file
}

async function removeOldBundles() {
  const names = (await readdir(folder)).filter((name) => /^server-[0-9a-f]{32}\.mjs$/.test(name))
  const bundles = await Promise.all(names.map(async (name) => ({ name, madeAt: (await stat(path.join(folder, name))).mtimeMs })))
  const old = bundles.toSorted((one, other) => other.madeAt - one.madeAt).slice(KEPT)
  for (const { name } of old) for (const file of [name, `${name}.map`]) await rm(path.join(folder, file), { force: true })
}
