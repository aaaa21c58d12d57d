export { bundleTexts, fileOf, loadBundle, mayReadInstructions, presentBundle, requirePath } from './queries.ts'
export type { BundleView, FileView } from './queries.ts'
export { DEFAULT_ENTRY } from './rules.ts'
export { deleteInstructionsFile, updateBundle, writeInstructionsFile } from './write.ts'
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
