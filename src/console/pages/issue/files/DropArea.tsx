import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { filesOf } from './uploads.ts'

const hasFiles = ({ dataTransfer }: { readonly dataTransfer: DataTransfer | null }): boolean =>
  dataTransfer?.types.includes('Files') === true

/** A place where files can be dropped. A button has the same effect. */
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

/** A file that is dropped beside every place for it goes to `onFiles`. Otherwise the browser would leave the page, and show the file. */
export function useStrayDrops(onFiles: (files: readonly File[]) => void): void {
  const act = useRef(onFiles)
  useEffect(() => {
    act.current = onFiles
  })
  useEffect(() => {
    const onDragOver = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault()
    }
    const onDrop = (event: DragEvent): void => {
      if (event.defaultPrevented || !hasFiles(event)) return
      event.preventDefault()
      act.current(filesOf(event.dataTransfer))
    }
    addEventListener('dragover', onDragOver)
    addEventListener('drop', onDrop)
    return () => {
      removeEventListener('dragover', onDragOver)
      removeEventListener('drop', onDrop)
    }
  }, [])
}
