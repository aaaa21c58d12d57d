import { useState } from 'react'
import type { ReactNode } from 'react'
import { Dialog } from '../parts/Dialog.tsx'
import { TextField } from '../parts/fields.tsx'
import { go } from '../router/location.ts'
import { useCompanyPath } from './company.tsx'
import { entries } from './Rail.tsx'

/** Finds a page by its name. */
export function Palette({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [text, setText] = useState('')
  const pathOf = useCompanyPath()
  const found = entries.filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()))
  const open = (path: string): void => {
    onClose()
    go(pathOf(path))
  }
  return (
    <Dialog title="Find" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (found[0] !== undefined) open(found[0].path)
        }}
      >
        <TextField label="Search" value={text} onChange={setText} isFirst />
        <ul className="palette">
          {found.map(({ path, name }) => (
            <li key={path}>
              <button type="button" className="quiet" onClick={() => open(path)}>
                {name}
              </button>
            </li>
          ))}
        </ul>
      </form>
    </Dialog>
  )
}
