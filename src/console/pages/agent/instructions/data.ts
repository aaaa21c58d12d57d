// The reads and acts about the instructions and the skills of one agent.

import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { AGENT_NOUNS } from '../../../agentParts/acts.ts'
import { useAct } from '../../../api/acts.ts'
import { request } from '../../../api/client.ts'
import type { Answer, ApiProblem } from '../../../api/client.ts'
import { useRead } from '../../../api/reads.ts'
import type { Agent, InstructionsBundle, InstructionsFile, SkillsOfAgent } from '../../../api/types.ts'

type Of = Pick<Agent, 'id' | 'companyId'>

const below = ({ id }: Of): string => `/agents/${id}/instructions-bundle`

export const useBundle = (agent: Of): UseQueryResult<Answer<InstructionsBundle>, ApiProblem> =>
  useRead<InstructionsBundle>(['agent', agent.companyId, agent.id, 'instructions'], below(agent))

/** One file with its text. @param path null reads none */
export const useInstructionsFile = (agent: Of, path: string | null): UseQueryResult<Answer<InstructionsFile>, ApiProblem> =>
  useRead<InstructionsFile>(['agent', agent.companyId, agent.id, 'instructions', path], `${below(agent)}/file`, {
    query: { path },
    isEnabled: path !== null,
  })

export interface FileWrite {
  readonly path: string
  readonly content: string
  /** The revision that was read, which no other write may have replaced; null for a new file. */
  readonly baseRevisionId: string | null
}

const NOUNS = ['agent']

export const useWriteFile = (agent: Of): UseMutationResult<unknown, ApiProblem, FileWrite> =>
  useAct(NOUNS, (body: FileWrite) => request('PUT', `${below(agent)}/file`, { body }))

export const useDeleteFile = (agent: Of): UseMutationResult<unknown, ApiProblem, Omit<FileWrite, 'content'>> =>
  useAct(NOUNS, (query: Omit<FileWrite, 'content'>) => request('DELETE', `${below(agent)}/file`, { query: { ...query } }))

/** Chooses the file that runs read first. */
export const useSetEntry = (agent: Of): UseMutationResult<unknown, ApiProblem, string> =>
  useAct(NOUNS, (entryFile: string) => request('PATCH', below(agent), { body: { entryFile } }))

export const useSkillsOf = (agent: Of): UseQueryResult<Answer<SkillsOfAgent>, ApiProblem> =>
  useRead<SkillsOfAgent>(['agent', agent.companyId, agent.id, 'skills'], `/agents/${agent.id}/skills`)

export const useSyncSkills = (agent: Of): UseMutationResult<unknown, ApiProblem, readonly string[]> =>
  useAct([...AGENT_NOUNS, 'skills', 'skill'], (desiredSkills: readonly string[]) =>
    request('POST', `/agents/${agent.id}/skills/sync`, { body: { desiredSkills } }),
  )
