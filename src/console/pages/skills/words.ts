// The content and the source of skills, in words. Pure.

import type { Skill } from '../../api/types.ts'
import type { Tone } from '../../parts/Status.tsx'

interface Trust {
  readonly words: string
  readonly tone: Tone
}

const trust: Readonly<Record<Skill['trustLevel'], Trust>> = {
  markdown_only: { words: 'texts', tone: 'good' },
  assets: { words: 'texts and other files', tone: 'quiet' },
  scripts_executables: { words: 'has programs', tone: 'warn' },
}

export const trustOf = ({ trustLevel }: Pick<Skill, 'trustLevel'>): Trust => trust[trustLevel]

export const sourceWords: Readonly<Record<Skill['sourceType'], string>> = { inline: 'sent as text', folder: 'a folder of the host' }

const KIB = 1024

/** "900 bytes", "12 KiB" */
export const sizeWords = (bytes: number): string => (bytes < KIB ? `${bytes} bytes` : `${Math.round(bytes / KIB)} KiB`)

/** A file while an import is typed. */
export interface TypedFile {
  readonly path: string
  readonly content: string
}

export const firstFile: TypedFile = { path: 'SKILL.md', content: '' }

/** The files of an import by their paths. The last one of a path counts. */
export const filesOf = (files: readonly TypedFile[]): Readonly<Record<string, string>> =>
  Object.fromEntries(files.map(({ path, content }) => [path.trim(), content]))

/** Two files with one path: one of them would be lost. */
export const repeatedPath = (files: readonly TypedFile[]): string | null => {
  const paths = files.map(({ path }) => path.trim())
  return paths.find((path, at) => paths.indexOf(path) !== at) ?? null
}
