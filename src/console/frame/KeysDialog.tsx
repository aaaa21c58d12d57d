import type { ReactNode } from 'react'
import { activeLayers } from '../keys/keys.ts'
import { setSingleKeys, useSingleKeys } from '../keys/singleKeys.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { CheckField } from '../parts/fields.tsx'

/** A key as its cap has it. */
const shown = (keys: string): string => (/^[A-Z]$/.test(keys) ? `⇧ ${keys}` : keys.replace('mod+', 'Ctrl or ⌘ + '))

/** The keys that work on this page. */
export function KeysDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const areSingleOn = useSingleKeys()
  return (
    <Dialog title="Keys" onClose={onClose}>
      <CheckField label="Single letters and signs work as keys in this browser" value={areSingleOn} onChange={setSingleKeys} />
      {activeLayers().map(({ title, bindings }, at) => (
        <section key={`${title}${at}`}>
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
