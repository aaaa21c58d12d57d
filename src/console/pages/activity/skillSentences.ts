// Sentences about skills and instructions: the texts that agents follow.

import { by, count, entity, enumerated, listIn, numberIn, quoted, say, textIn } from './sentenceParts.ts'
import type { Part, SentenceMaker, SentenceRow } from './sentenceParts.ts'

/** The names of the skills that a row stored or looked at. */
function skillNames(row: SentenceRow): readonly string[] {
  const skills: unknown = row.details?.['skills']
  if (!Array.isArray(skills)) return []
  return skills.flatMap((skill: unknown) => {
    const slug = typeof skill === 'object' && skill !== null && 'slug' in skill ? skill.slug : null
    return typeof slug === 'string' ? [slug] : []
  })
}

const MOST = 5

function skillsOf(row: SentenceRow): Part {
  const names = skillNames(row)
  if (names.length === 0) return 'skills'
  const shown = names.slice(0, MOST)
  const rest = names.length - shown.length
  return { quote: rest === 0 ? enumerated(shown) : `${shown.join(', ')} and ${count(rest, 'more skill')}` }
}

const proposed = (row: SentenceRow): string => (textIn(row, 'approvalId') === null ? '' : ', as an agent had proposed')

/** By action. */
export const skillSentences: Readonly<Record<string, SentenceMaker>> = {
  'agent.instructions_bundle_updated': by((row) => say`let runs of ${entity(row, 'agent')} read ${quoted(row, 'entryFile')} first`),
  'agent.instructions_file_deleted': by(
    (row) => say`deleted ${quoted(row, 'path')} of the instructions of ${entity(row, 'agent')}${proposed(row)}`,
  ),
  'agent.instructions_file_updated': by((row) => {
    const verb = textIn(row, 'previousRevisionId') === null ? 'added' : 'changed'
    return say`${verb} ${quoted(row, 'path')} in the instructions of ${entity(row, 'agent')}${proposed(row)}`
  }),
  'agent.instructions_path_updated': by((row) => {
    const isSet = row.details?.['isSet'] === true
    return isSet
      ? say`gave ${entity(row, 'agent')} a file of the host as instructions`
      : say`took the file of instructions from ${entity(row, 'agent')}`
  }),
  'agent.skills_synced': by((row) => {
    const names = listIn(row, 'desiredSkills')
    return names.length === 0
      ? say`took every skill from ${entity(row, 'agent')}`
      : say`gave ${entity(row, 'agent')} the skills ${[{ quote: enumerated(names) }]}`
  }),
  'company.skill_deleted': by((row) => say`deleted the skill ${quoted(row, 'slug')}`),
  'company.skill_update_installed': by((row) => say`stored the new text of the skill ${quoted(row, 'slug')}`),
  'company.skills_imported': by((row) => say`imported ${skillsOf(row)}${proposed(row)}`),
  'company.skills_scanned': by(
    (row) => say`looked for skills in ${count(numberIn(row, 'scannedWorkspaces'), 'folder')} and found ${numberIn(row, 'discovered')}`,
  ),
}
