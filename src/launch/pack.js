// `npm pack` runs this before and after it makes the tarball. The package has the compiled program, so its description names the packages that are
// loaded at run time, and not those of which the program is compiled; a checkout needs them all, because it compiles itself when it is installed.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { root } from './bundle.js'
import { buildPackage, dist, packedManifest } from './package.js'

const description = path.join(root, 'package.json')
/** The description of the checkout, while that of the package is in its place. */
const kept = path.join(root, 'build', 'package.json.checkout')

/** Puts back what a checkout has, also after a `npm pack` that was killed. */
async function restore() {
  if (existsSync(kept)) await rename(kept, description)
  await rm(dist, { recursive: true, force: true })
}

async function prepare() {
  await restore()
  const text = await readFile(description, 'utf8')
  const manifest = JSON.parse(text)
  const packed = packedManifest(manifest, await buildPackage(Object.keys(manifest.optionalDependencies ?? {})))
  await mkdir(path.dirname(kept), { recursive: true })
  await writeFile(kept, text)
  await writeFile(description, `${JSON.stringify(packed, null, 2)}\n`)
}

try {
  await (process.argv[2] === 'restore' ? restore() : prepare())
} catch (error) {
  await restore()
  throw error
}
