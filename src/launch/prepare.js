// Makes the bundle when the packages are installed. Where it cannot be made, the first start tries again, and the program still starts.
import { makeBundle } from './bundle.js'

try {
  await makeBundle()
} catch (error) {
  process.stderr.write(`The program is not bundled, and its starts take longer: ${String(error)}\n`)
}
