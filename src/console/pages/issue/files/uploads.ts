import { useState } from 'react'
import { useAct } from '../../../api/acts.ts'
import type { ApiProblem } from '../../../api/client.ts'
import type { Attachment } from '../../../api/types.ts'
import { useCompany } from '../../../frame/company.tsx'
import { notify } from '../../../parts/notices.tsx'
import { attachFile } from '../data.ts'

export interface Uploads {
  /** Sends files one after another, and ends at the first refusal. @returns those that were sent */
  readonly upload: (files: readonly File[]) => Promise<readonly Attachment[]>
  /** The file that is being sent, and its place among all. */
  readonly current: { readonly name: string; readonly at: number; readonly of: number } | null
  readonly problem: ApiProblem | null
}

/** Uploads of files to an issue. */
export function useUploads(issueId: string): Uploads {
  const { id } = useCompany()
  const [current, setCurrent] = useState<Uploads['current']>(null)
  const act = useAct(['issue'], (file: File) => attachFile(id, issueId, file))
  const upload = async (files: readonly File[]): Promise<readonly Attachment[]> => {
    const sent: Attachment[] = []
    try {
      for (const [at, file] of files.entries()) {
        setCurrent({ name: file.name, at: at + 1, of: files.length })
        sent.push(await act.mutateAsync(file))
      }
      if (sent.length > 0) notify(sent.length === 1 ? 'The file is attached.' : `${sent.length} files are attached.`)
    } catch {
      // The refusal is shown where the files were chosen, and what was sent before it stays.
    }
    setCurrent(null)
    return sent
  }
  return { upload, current, problem: act.error }
}

/** Pictures that the server sends as such, because their first bytes say so. */
const pictures: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])

export const isPicture = ({ contentType }: Pick<Attachment, 'contentType'>): boolean => pictures.has(contentType)

export const nameOfFile = ({ originalFilename, id }: Pick<Attachment, 'originalFilename' | 'id'>): string =>
  originalFilename ?? `file ${id.slice(0, 8)}`

/** The text that shows a file, or leads to it, in a comment. */
export function markdownOf(file: Attachment): string {
  const name = nameOfFile(file).replaceAll(/[[\]\\]/g, ' ')
  return `${isPicture(file) ? '!' : ''}[${name}](${file.contentPath})`
}

const units = ['byte', 'kilobyte', 'megabyte'] as const

/** "12 kB", "1 byte" */
export function byteSize(bytes: number): string {
  const step = bytes < 1000 ? 0 : bytes < 1_000_000 ? 1 : 2
  // The short form of bytes is "byte" for any number of them.
  const unitDisplay = step === 0 ? 'long' : 'short'
  const format = new Intl.NumberFormat(undefined, { style: 'unit', unit: units[step] ?? 'byte', unitDisplay, maximumFractionDigits: 1 })
  return format.format(bytes / 1000 ** step)
}

/** The files of a paste or a drop. */
export const filesOf = (data: DataTransfer | null): readonly File[] => [...(data?.files ?? [])]
