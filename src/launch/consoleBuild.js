// The operator's console as static files: made when the packages are installed, and by the first start where that was left out.
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'

const root = fileURLToPath(new URL('../../', import.meta.url))
const sources = path.join(root, 'src/console')
const folder = path.join(root, 'build')

/** Consoles that stay, with earlier versions, so that a page that is open still finds its parts. */
const KEPT = 3
/** A build that takes this long has been killed, and has left its folder behind. */
const ABANDONED_MS = 60 * 60 * 1000
/** Files that decide about the console, beside its sources. */
const settings = ['node_modules/.package-lock.json', 'package-lock.json']

/** @param {string} from @returns {string[]} the sources of the console below a folder, in an order that does not change */
const filesBelow = (from) =>
  readdirSync(from, { withFileTypes: true })
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
    .flatMap((entry) => {
      const file = path.join(from, entry.name)
      if (entry.isDirectory()) return filesBelow(file)
      return /\.(?:tsx?|css)$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [file] : []
    })

/** The console of an installed package, which has no sources. */
const packed = path.join(root, 'dist/console')

/** @returns {string} where the console of exactly these sources stands, or will stand; in a package, where it is */
export function consoleFolder() {
  if (!existsSync(sources)) return packed
  const hash = createHash('sha256')
  const present = settings.map((name) => path.join(root, name)).filter((file) => existsSync(file))
  const files = filesBelow(sources)
  for (const file of [...present, fileURLToPath(import.meta.url), ...files]) {
    const content = readFileSync(file)
    hash.update(`${path.relative(root, file)}\0${content.length}\0`).update(content)
  }
  return path.join(folder, `console-${hash.digest('hex').slice(0, 32)}`)
}

/** Whether the console of these sources has to be made. A checkout without its sources has none. */
export const isConsoleMissing = () => existsSync(sources) && !existsSync(consoleFolder())

/**
 * Writes a file and what it is when it is compressed, so that no request waits for a compressor.
 * @param {string} file @param {Uint8Array} contents
 */
async function writeCoded(file, contents) {
  await writeFile(file, contents, { flush: true, mode: 0o644 })
  await writeFile(`${file}.br`, await promisify(brotliCompress)(contents), { flush: true, mode: 0o644 })
  await writeFile(`${file}.gzip`, await promisify(gzip)(contents), { flush: true, mode: 0o644 })
}

/** @param {string[]} names of the files @returns {string} the page that loads the console */
function pageOf(names) {
  const script = names.find((name) => /^main-[^.]+\.js$/.test(name))
  const style = names.find((name) => /^main-[^.]+\.css$/.test(name))
  const first = names.find((name) => /^firstPaint-[^.]+\.js$/.test(name))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>paperclip-server</title>
<link rel="icon" href="/console/icon.svg">
<script src="/console/assets/${first}"></script>
<link rel="stylesheet" href="/console/assets/${style}">
<script type="module" src="/console/assets/${script}"></script>
</head>
<body><div id="root"></div><noscript>The console needs JavaScript. The API is described at /api/docs/.</noscript></body>
</html>
`
}

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path fill="none" stroke="#3b7de0" stroke-width="2.4" stroke-linecap="round" d="M7 8v8a5 5 0 0 0 10 0V6.5a3.25 3.25 0 0 0-6.5 0V15.5a1.5 1.5 0 0 0 3 0V8"/></svg>\n'

/** Settings of the bundler for the console. */
export const consoleBundling = {
  absWorkingDir: root,
  entryPoints: { main: 'src/console/main.tsx', firstPaint: 'src/console/firstPaint.ts' },
  bundle: true,
  splitting: true,
  format: /** @type {const} */ ('esm'),
  platform: /** @type {const} */ ('browser'),
  target: ['chrome123', 'firefox120', 'safari17.5'],
  jsx: /** @type {const} */ ('automatic'),
  define: { 'process.env.NODE_ENV': '"production"' },
  minify: true,
  legalComments: /** @type {const} */ ('linked'),
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  outdir: 'out',
  write: /** @type {const} */ (false),
  logLevel: /** @type {const} */ ('silent'),
}

/**
 * Makes the console unless it stands there. The folder gets its name when it is complete.
 * @returns {Promise<string>} its folder
 * @throws when the folder cannot be written, or a source does not compile
 */
export async function makeConsole() {
  const target = consoleFolder()
  if (existsSync(target)) return target
  const { build } = await import('esbuild')
  const { outputFiles } = await build(consoleBundling)
  await mkdir(folder, { recursive: true, mode: 0o755 })
  const partial = await mkdtemp(path.join(folder, 'console.'))
  await chmod(partial, 0o755)
  await mkdir(path.join(partial, 'assets'), { mode: 0o755 })
  const names = outputFiles.map(({ path: file }) => path.basename(file))
  for (const [at, { contents }] of outputFiles.entries()) await writeCoded(path.join(partial, 'assets', names[at] ?? ''), contents)
  await writeCoded(path.join(partial, 'icon.svg'), Buffer.from(icon))
  await writeCoded(path.join(partial, 'index.html'), Buffer.from(pageOf(names)))
  // Another process may have made the same meanwhile.
  await rename(partial, target).catch(async (error) => {
    await rm(partial, { recursive: true, force: true })
    if (!existsSync(target)) throw error
  })
  await removeOldConsoles()
  return target
}

async function removeOldConsoles() {
  const names = (await readdir(folder)).filter((name) => name.startsWith('console'))
  // Another process may remove the same ones meanwhile.
  const madeAt = async (/** @type {string} */ name) => (await stat(path.join(folder, name)).catch(() => ({ mtimeMs: 0 }))).mtimeMs
  const made = await Promise.all(names.map(async (name) => ({ name, madeAt: await madeAt(name) })))
  const whole = made.filter(({ name }) => /^console-[0-9a-f]{32}$/.test(name))
  const abandoned = made.filter((each) => each.name.startsWith('console.') && Date.now() - each.madeAt > ABANDONED_MS)
  const old = whole.toSorted((one, other) => other.madeAt - one.madeAt).slice(KEPT)
  for (const { name } of [...old, ...abandoned]) await rm(path.join(folder, name), { recursive: true, force: true })
}
