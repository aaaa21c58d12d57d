import { homedir } from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import type { AllowedPath } from '../adapters/isolation/isolation.ts'
import { inFile, listShape } from './settingKinds.ts'

/** Paths that agents may use, separated by commas. `:ro` makes one read-only, and `~` is the home of this server's account. */
export const allowedPaths = inFile(listShape, z.string())
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map((item): AllowedPath => {
        const isReadOnly = item.endsWith(':ro')
        const file = isReadOnly ? item.slice(0, -':ro'.length) : item
        return { path: file.startsWith('~/') ? path.join(homedir(), file.slice(2)) : file, isReadOnly }
      }),
  )
  .refine(
    (paths) => paths.every((each) => path.isAbsolute(each.path) && each.path !== '/'),
    'must be absolute paths, each with :ro or without',
  )

/** Folders from which the board may import skills, separated by commas. */
export const skillFolders = inFile(listShape, z.string())
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '')
      .map((item) => (item.startsWith('~/') ? path.join(homedir(), item.slice(2)) : item)),
  )
  .refine((folders) => folders.every((each) => path.isAbsolute(each) && each !== '/'), 'must be absolute paths')

const inHome = (item: string): string => (item.startsWith('~/') ? path.join(homedir(), item.slice(2)) : item)

/** The one folder below which this server makes worktrees. */
export const worktreeFolder = z
  .string()
  .transform((text) => path.normalize(inHome(text.trim())).replace(/(?<=.)\/+$/, ''))
  .refine((folder) => path.isAbsolute(folder) && folder !== '/', 'must be an absolute path')

/** Why the folder cannot be used with the home: agents get what is in the one, and nothing of the other. */
export function worktreeFolderProblems(folder: string | undefined, home: string): string[] {
  if (folder === undefined) return []
  const relative = [path.relative(path.resolve(home), folder), path.relative(folder, path.resolve(home))]
  const isInside = relative.some((each) => each === '' || (!each.startsWith('..') && !path.isAbsolute(each)))
  return isInside ? ['PAPERCLIP_WORKTREE_FOLDER: must neither be in PAPERCLIP_HOME nor contain it'] : []
}
