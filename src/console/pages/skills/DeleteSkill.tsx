import type { ReactNode } from 'react'
import type { SkillDetail } from '../../api/types.ts'
import { useCompanyPath } from '../../frame/company.tsx'
import { ActDialog } from '../../parts/ActDialog.tsx'
import { counted } from '../../parts/counted.ts'
import { notify } from '../../parts/notices.tsx'
import { go } from '../../router/location.ts'
import { useDeleteSkill } from './data.ts'

interface DeleteSkillProps {
  readonly skill: SkillDetail
  readonly onClose: () => void
}

/** Deletes a skill that no agent has. */
export function DeleteSkill({ skill, onClose }: DeleteSkillProps): ReactNode {
  const remove = useDeleteSkill(skill.id)
  const pathOf = useCompanyPath()
  const { slug, usedByAgents, fileInventory } = skill
  return (
    <ActDialog
      title={`Delete ${slug}`}
      confirm={`Delete ${slug}`}
      isDangerous
      isBlocked={usedByAgents.length > 0}
      onClose={onClose}
      act={async () => {
        await remove.mutateAsync()
        notify(`The skill ${slug} is deleted`)
        go(pathOf('skills'), { replaces: true })
      }}
    >
      {usedByAgents.length > 0 ? (
        <p className="note">
          {usedByAgents.map(({ name }) => name).join(', ')} {usedByAgents.length === 1 ? 'has' : 'have'} it. Take it from{' '}
          {usedByAgents.length === 1 ? 'that agent' : 'those agents'} first.
        </p>
      ) : (
        <p>{counted(fileInventory.length, 'file')} of the skill are deleted. A folder that it came from is not touched.</p>
      )}
    </ActDialog>
  )
}
