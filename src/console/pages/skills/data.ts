// The reads and acts about the skills of a company.

import type { UseMutationResult, UseQueryResult } from '@tanstack/react-query'
import { useAct } from '../../api/acts.ts'
import { request, segment } from '../../api/client.ts'
import type { Answer, ApiProblem } from '../../api/client.ts'
import { usePages, useRead } from '../../api/reads.ts'
import type { PagesRead } from '../../api/reads.ts'
import type { ImportedSkills, ScannedSkills, Skill, SkillDetail, SkillFile, SkillUpdate } from '../../api/types.ts'
import { useCompany } from '../../frame/company.tsx'

export function useSkills(): PagesRead<Skill> {
  const { id } = useCompany()
  return usePages<Skill>(['skills', id], `/companies/${id}/skills`)
}

const pathOf = (companyId: string, skillId: string): string => `/companies/${companyId}/skills/${segment(skillId)}`

export function useSkill(skillId: string): UseQueryResult<Answer<SkillDetail>, ApiProblem> {
  const { id } = useCompany()
  return useRead<SkillDetail>(['skill', id, skillId], pathOf(id, skillId))
}

/** One file of a skill with its text. */
export function useSkillFile(skillId: string, path: string): UseQueryResult<Answer<SkillFile>, ApiProblem> {
  const { id } = useCompany()
  return useRead<SkillFile>(['skill', id, skillId, 'file', path], `${pathOf(id, skillId)}/files`, { query: { path } })
}

/** Whether the folder of a skill has another text by now. */
export function useUpdateStatus(skillId: string, isEnabled: boolean): UseQueryResult<Answer<SkillUpdate>, ApiProblem> {
  const { id } = useCompany()
  return useRead<SkillUpdate>(['skill', id, skillId, 'update'], `${pathOf(id, skillId)}/update-status`, { isEnabled })
}

const NOUNS = ['skills', 'skill', 'agent']

/** The texts of a skill by their paths, a folder of the host, or a file: one text, or an archive. */
export type ImportBody = { readonly files: Readonly<Record<string, string>> } | { readonly source: string } | File

function formOf(file: File): FormData {
  const form = new FormData()
  form.append('file', file)
  return form
}

export function useImportSkills(): UseMutationResult<ImportedSkills, ApiProblem, ImportBody> {
  const { id } = useCompany()
  return useAct(NOUNS, async (body: ImportBody) => {
    const [path, sent] = body instanceof File ? ['upload', formOf(body)] : ['import', body]
    return (await request<ImportedSkills>('POST', `/companies/${id}/skills/${path}`, { body: sent })).data
  })
}

export function useScanProjects(): UseMutationResult<ScannedSkills, ApiProblem, void> {
  const { id } = useCompany()
  return useAct(NOUNS, async () => (await request<ScannedSkills>('POST', `/companies/${id}/skills/scan-projects`, { body: {} })).data)
}

export function useInstallUpdate(skillId: string): UseMutationResult<Skill, ApiProblem, void> {
  const { id } = useCompany()
  return useAct(NOUNS, async () => (await request<Skill>('POST', `${pathOf(id, skillId)}/install-update`)).data)
}

export function useDeleteSkill(skillId: string): UseMutationResult<unknown, ApiProblem, void> {
  const { id } = useCompany()
  return useAct(NOUNS, () => request('DELETE', pathOf(id, skillId)))
}
