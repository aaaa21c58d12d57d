// Starts the program: the bundle of exactly these sources, else the sources themselves.
import { pathToFileURL } from 'node:url'
import { makeBundle } from './bundle.js'

/** @returns {Promise<string | null>} the bundle, or null where it cannot be made: the checkout is read-only, or its sources do not compile */
const bundleOrNull = () => makeBundle().catch(() => null)

const bundle = await bundleOrNull()
if (bundle === null) {
  const { register } = await import('tsx/esm/api')
  register()
  await import(new URL('../main.ts', import.meta.url).href)
} else {
  process.setSourceMapsEnabled(true)
  await import(pathToFileURL(bundle).href)
}
