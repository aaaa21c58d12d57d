import type { ReactNode } from 'react'
import { inBackground } from '../../../api/background.ts'
import { SelectField } from '../../../parts/fields.tsx'
import { Swatch } from '../../../parts/Swatch.tsx'
import { useLabels } from '../data.ts'
import type { FactsProps } from './props.ts'

/** The labels of the issue: each is removed by its cross, and others are chosen from the company's. */
export function Labels({ issue, save }: FactsProps): ReactNode {
  const labels = useLabels()
  const own = issue.labelIds
  const others = labels.filter(({ id }) => !own.includes(id))
  const set = (labelIds: readonly string[], words: string): void => inBackground(save.save({ labelIds }, words))
  return (
    <>
      <SelectField
        label="Labels"
        value=""
        none={others.length === 0 ? 'No other label' : 'Add a label'}
        choices={others.map(({ id, name }) => ({ value: id, label: name }))}
        onChange={(id) => id !== '' && set([...own, id], 'The label is added.')}
      />
      {issue.labels.length > 0 && (
        <ul className="label-chips beside" aria-label="Labels of the issue">
          {issue.labels.map(({ id, name, color }) => (
            <li key={id}>
              <Swatch color={color} /> {name}
              <button
                type="button"
                className="quiet"
                aria-label={`Remove the label ${name}`}
                onClick={() =>
                  set(
                    own.filter((other) => other !== id),
                    'The label is removed.',
                  )
                }
              >
                ✕
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
