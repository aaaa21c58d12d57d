import { describeSkill } from './skillText.ts'
import { createAgent, createPlugin, paraMemoryFiles } from './texts/others.ts'
import { paperclip } from './texts/paperclip.ts'

/** The skills that every server of this version has, by their names. No skill of a company has one of these names. */
export const builtInSkills: ReadonlyMap<string, string> = new Map([
  ['paperclip', paperclip],
  ['paperclip-create-agent', createAgent],
  ['paperclip-create-plugin', createPlugin],
  ['para-memory-files', paraMemoryFiles],
])

/** The built-in skills with the descriptions that stand in their texts. */
export const describedBuiltIns = [...builtInSkills].map(([name, text]) => ({ name, description: describeSkill(text).description ?? '' }))
