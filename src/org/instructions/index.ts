export { bundlesOf, bundleTexts, fileOf, loadBundle, measureBundles, presentBundle, requirePath } from './queries.ts'
export type { BundleTexts, BundleView, FileView } from './queries.ts'
export { DEFAULT_ENTRY, problemOfBundle } from './rules.ts'
export { deleteInstructionsFile, insertBundles, updateBundle, writeInstructionsFile } from './write.ts'
export {
  deleteInstructionsFileQuery,
  instructionsBundleView,
  instructionsFileView,
  instructionsPathBody,
  instructionsPathView,
  patchInstructionsBundleBody,
  putInstructionsFileBody,
} from './views.ts'
export type { InstructionsPath, PatchInstructionsBundle, PutInstructionsFile } from './views.ts'
