import { z } from 'zod'
import { ofText, onInstance } from '../../auth/scopes.ts'
import { get } from '../../http/route.ts'
import type { StreamResponse } from '../../platform/kernel/content.ts'
import { refuse } from '../../platform/kernel/errors.ts'
import { builtInSkills, describedBuiltIns } from './builtIn.ts'
import { adapterText, configurationText, iconsText } from './configurationText.ts'
import { availableSkillsView, skillIndexView } from './views.ts'

async function* once(text: string): AsyncGenerator<string> {
  yield text
}

const text = (content: string | undefined | null, contentType: string, noun: string): Promise<StreamResponse> =>
  content === undefined || content === null
    ? refuse('not_found', { message: `${noun} not found` })
    : Promise.resolve({ contentType: `${contentType}; charset=utf-8`, chunks: once(content) })

/** The texts for agents that this server brings. They are the same for everybody. */
export const skillTextRoutes = [
  get('/api/skills/available', {
    summary: 'List the skills that every server of this version has',
    permission: 'skill.text',
    scope: onInstance,
    returns: availableSkillsView,
    refuses: [],
    handle: () => Promise.resolve({ skills: describedBuiltIns.map((each) => ({ ...each, isPaperclipManaged: true as const })) }),
  }),
  get('/api/skills/index', {
    summary: 'List where the skills of this server are read',
    permission: 'skill.text',
    scope: onInstance,
    returns: skillIndexView,
    refuses: [],
    handle: () => Promise.resolve({ skills: [...builtInSkills.keys()].map((name) => ({ name, path: `/api/skills/${name}` })) }),
  }),
  get('/api/skills/:skillName', {
    summary: 'Read a skill of this server as Markdown',
    permission: 'skill.text',
    scope: ofText('skillName'),
    streams: 'text',
    returns: z.string(),
    refuses: ['not_found'],
    handle: ({ target }) => text(builtInSkills.get(target), 'text/markdown', 'Skill'),
  }),
  get('/llms/agent-configuration.txt', {
    summary: 'Read how agents are configured, as a text for a model',
    permission: 'llms.read',
    scope: onInstance,
    streams: 'text',
    returns: z.string(),
    refuses: [],
    handle: () => text(configurationText(), 'text/plain', 'Text'),
  }),
  get('/llms/agent-icons.txt', {
    summary: 'Read the names of icons of agents, as a text for a model',
    permission: 'llms.read',
    scope: onInstance,
    streams: 'text',
    returns: z.string(),
    refuses: [],
    handle: () => text(iconsText(), 'text/plain', 'Text'),
  }),
  get('/llms/agent-configuration/:adapterType.txt', {
    summary: 'Read the configuration of an adapter, as a text for a model',
    permission: 'llms.read',
    scope: ofText('adapterType'),
    streams: 'text',
    returns: z.string(),
    refuses: ['not_found'],
    handle: ({ target }) => text(adapterText(target), 'text/plain', 'Adapter'),
  }),
]
