import { useState } from 'react'
import type { DragEvent, ReactNode } from 'react'
import { filesOf } from './uploads.ts'

const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer.types.includes('Files')

/** A place where files can be dropped. What is done with them can be done with a button as well. */
export function DropArea({
  onFiles,
  children,
}: {
  readonly onFiles: (files: readonly File[]) => void
  readonly children: ReactNode
}): ReactNode {
  const [isOver, setOver] = useState(false)
  return (
    <div
      className={isOver ? 'drop-area over' : 'drop-area'}
      onDragOver={(event) => {
        if (!hasFiles(event)) return
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false)
        if (!hasFiles(event)) return
        event.preventDefault()
        onFiles(filesOf(event.dataTransfer))
      }}
    >
      {children}
    </div>
  )
}
