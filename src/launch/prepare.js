// Makes the bundle of the program and the operator's console when the packages are installed. Where one cannot be made, the first start tries
// again, and the program still starts.
import { makeBundle } from './bundle.js'
import { isConsoleMissing, makeConsole } from './consoleBuild.js'

try {
  await makeBundle()
} catch (error) {
  process.stderr.write(`The program is not bundled, and its starts take longer: ${String(error)}\n`)
}
try {
  if (isConsoleMissing()) await makeConsole()
} catch (error) {
  process.stderr.write(`The console is not built, and its pages say so: ${String(error)}\n`)
}
