import type { ReactNode } from 'react'
import { activeLayers } from '../keys/keys.ts'
import type { KeyBinding } from '../keys/keys.ts'
import { setSingleKeys, useSingleKeys } from '../keys/singleKeys.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { CheckField } from '../parts/fields.tsx'

/** A key as its cap has it. */
const shown = (keys: string): string => (/^[A-Z]$/.test(keys) ? `⇧ ${keys}` : keys.replace('mod+', 'Ctrl or ⌘ + '))

/** The keys under their headings, those of the page before those of the frame. */
function sections(): readonly (readonly [title: string, bindings: readonly KeyBinding[]])[] {
  const found = new Map<string, readonly KeyBinding[]>()
  for (const { title, bindings } of activeLayers()) found.set(title, [...(found.get(title) ?? []), ...bindings])
  const [frame, ...ofPage] = found
  return frame === undefined ? [] : [...ofPage, frame]
}

/** The keys that work on this page. */
export function KeysDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const areSingleOn = useSingleKeys()
  return (
    <Dialog title="Keys" onClose={onClose}>
      <CheckField label="Single letters and signs work as keys in this browser" value={areSingleOn} onChange={setSingleKeys} />
      {sections().map(([title, bindings]) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl className="keys">
            {bindings.map(({ keys, label }) => (
              <div key={keys}>
                <dt>
                  <kbd>{shown(keys)}</kbd>
                </dt>
                <dd>{label}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  )
}
