import { fileURLToPath } from 'node:url'

/** The folder with skills that servers of tests allow, and the skill in it. */
export const testSkillFolder = fileURLToPath(new URL('skills', import.meta.url))
export const stageSkillFolder = `${testSkillFolder}/on-stage`
