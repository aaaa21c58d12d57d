import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

const ofCompany = '/api/companies/:companyId/skills'
const bundle = '/api/agents/:id/instructions-bundle'

/** Skills, instructions and the texts for models. */
export const skills: OperationTexts = {
  'GET /api/skills/available': op('listBuiltInSkills', 'They are the same for everybody, and need no credential.', 'AvailableSkills'),
  'GET /api/skills/index': op('getSkillIndex', 'An agent that joins begins here: the skill `paperclip` says how it works.', 'SkillIndex'),
  'GET /api/skills/:skillName': op('readBuiltInSkill', 'Markdown with a head that has its name and its description.'),
  [`GET ${ofCompany}`]: op('listSkills', 'The texts are read with `getSkill`. An agent does not see folders of the host.', 'Skill'),
  [`GET ${ofCompany}/:skillId`]: op('getSkill', 'With the text of its `SKILL.md` and the agents that have it.', 'SkillDetail'),
  [`GET ${ofCompany}/:skillId/files`]: op('readSkillFile', 'Without `path` it is `SKILL.md`.', 'SkillFile'),
  [`GET ${ofCompany}/:skillId/update-status`]: op(
    'getSkillUpdateStatus',
    'Compares the skill with its folder. One that was sent as text has none.',
    'SkillUpdateStatus',
  ),
  [`POST ${ofCompany}/import`]: op(
    'importSkills',
    'Send `files`, or as `source` the text of one `SKILL.md`, or a folder that the operator allows (for the board). Nothing is fetched from an address. By an agent it is 202 with the approval that waits, which has the whole text.',
    'ImportedSkills',
  ),
  [`POST ${ofCompany}/upload`]: op(
    'uploadSkills',
    'A multipart form with one part `file`: the text of one `SKILL.md`, or a zip, tar or tar.gz of a folder of skills. It is unpacked in memory, within the limits of an import. By an agent it is 202 with the approval that waits, which has the whole text.',
    'ImportedSkills',
    'SkillsForm',
  ),
  [`POST ${ofCompany}/scan-projects`]: op(
    'scanProjectSkills',
    'Looks into `skills`, `.claude/skills`, `.agents/skills` and `.codex/skills` of workspaces below a folder that the operator allows. For an agent nothing is looked up, and a warning says so.',
    'ScannedProjects',
  ),
  [`POST ${ofCompany}/:skillId/install-update`]: op(
    'installSkillUpdate',
    'A skill without a folder stays as it is. The agents that have it get the new text in their next run.',
    'Skill',
  ),
  [`DELETE ${ofCompany}/:skillId`]: op('deleteSkill', 'An agent that has it keeps it from being deleted.', 'Skill'),
  'GET /api/agents/:id/skills': op(
    'listAgentSkills',
    'With the skills of the company and of this server, and whether the agent is to have each.',
    'AgentSkills',
  ),
  'POST /api/agents/:id/skills/sync': op(
    'syncAgentSkills',
    'The list replaces the one before. Each run gets the files of these skills. By an agent it is 202 with the approval that waits.',
    'SyncedSkills',
  ),
  'PATCH /api/agents/:id/instructions-path': op(
    'setInstructionsPath',
    'The server opens that file at each start, so by an agent it is 202 with the approval that waits.',
    'InstructionsPath',
  ),
  [`GET ${bundle}`]: op(
    'getInstructionsBundle',
    'The files are shown to the agent, its managers, agents that create agents and the board; others get none of them.',
    'InstructionsBundle',
  ),
  [`PATCH ${bundle}`]: op(
    'updateInstructionsBundle',
    'Instructions outside of this server (`mode` `external`, `rootPath`) are 422: the board sets a path instead.',
    'ChangedInstructionsBundle',
  ),
  [`GET ${bundle}/file`]: op('readInstructionsFile', 'A file that the caller may not read is 404.', 'InstructionsFile'),
  [`PUT ${bundle}/file`]: op(
    'writeInstructionsFile',
    'The first file makes the bundle. The agent writes its own; an agent above it gets 202 with the approval that waits. With `baseRevisionId` another version than the named one is 409.',
    'WrittenInstructionsFile',
  ),
  [`DELETE ${bundle}/file`]: op(
    'deleteInstructionsFile',
    'The entry file goes last. As for a write, an agent above gets 202 with the approval that waits.',
    'ChangedInstructionsBundle',
  ),
  'GET /llms/agent-configuration.txt': op('readConfigurationText', 'Made from the adapters of this version, for a model that hires.'),
  'GET /llms/agent-icons.txt': op('readIconsText', 'One name in a line.'),
  'GET /llms/agent-configuration/:adapterType.txt': op('readAdapterText', 'Every field of its `adapterConfig`, one in a line.'),
}
