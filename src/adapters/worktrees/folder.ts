// The folder that the operator allows for worktrees. Everything is done from its open descriptor, so that no link which appears meanwhile leads elsewhere.
import { randomUUID } from 'node:crypto'
import { execFile } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Account } from '../isolation/isolation.ts'
import { makeTraversable } from '../isolation/traversable.ts'
import { systemProgram } from '../isolation/wrapper.ts'

const run = promisify(execFile)
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants

/** Names the folder, wherever it is mounted: rows of another folder are not touched. */
const MARKER = '.paperclip-folder'
/** Begins the name of a folder that is to be deleted. */
const CLOSING = '.closing-'
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Writable for the group or for everybody. */
const OTHERS_WRITE = 0o022
const STICKY = 0o1000
/** Other accounts may enter the folder by its name, and not list it. */
const MAY_ENTER = 0o711

/** A path below an open folder. Without /proc it is found by name. */
const inside = (descriptor: number, folder: string, name: string): string =>
  existsSync('/proc/self/fd') ? `/proc/self/fd/${descriptor}/${name}` : path.join(folder, name)

function withFolder<T>(folder: string, use: (descriptor: number) => T): T {
  const descriptor = openSync(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    return use(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

const own = (): number => process.getuid?.() ?? 0

/** Why others could exchange what stands at a path; null when only root and this server's account can. */
function exchangeable(folder: string): string | null {
  for (let each = path.dirname(folder); ; each = path.dirname(each)) {
    const { uid, mode } = statSync(each)
    if (uid !== 0 && uid !== own()) return `${each} belongs to another account`
    if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) return `other accounts may write ${each}`
    if (each === path.dirname(each)) return null
  }
}

/** Why a folder is not safe for worktrees; null when it is. */
function problemOf(folder: string): string | null {
  try {
    if (realpathSync(folder) !== folder) return `${folder} is reached by a link`
    const { uid, mode } = withFolder(folder, (descriptor) => fstatSync(descriptor))
    if (uid !== own()) return `${folder} does not belong to the account of this server`
    if ((mode & OTHERS_WRITE) !== 0) return `other accounts may write ${folder}`
    return exchangeable(folder)
  } catch (error) {
    return `${folder} cannot be opened: ${(error as NodeJS.ErrnoException).code ?? String(error)}`
  }
}

/** The mark of the folder; made once, by whichever server is first. */
function markOf(folder: string): string {
  return withFolder(folder, (descriptor) => {
    const file = inside(descriptor, folder, MARKER)
    try {
      writeFileSync(file, `${randomUUID()}\n`, { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const mark = readFileSync(file, 'utf8').trim()
    if (!UUID.test(mark)) throw new Error(`${path.join(folder, MARKER)} is damaged: delete it only when the folder is empty`)
    return mark
  })
}

/** The folder of the operator, while it is safe. */
interface WorktreeFolder {
  /** Null when it is not usable now; then `problem` says why. */
  readonly mark: string | null
  readonly problem: string | null
  /** Where the worktree of a workspace stands. */
  pathOf(id: string, name: string): string
  has(id: string): boolean
  /** Makes the empty folder of a worktree. @throws when it exists, or the folder of the operator is not safe */
  make(id: string, name: string, owner: Account | null): void
  /** Takes a folder away, at once and as a whole: what is in it is deleted by `removeClosed`. */
  close(id: string): void
  /** Deletes what was taken away. Never rejects. */
  removeClosed(): Promise<void>
}

/** @param folder an absolute path; it is made when it is missing */
export function openWorktreeFolder(folder: string): WorktreeFolder {
  const opened = open(folder)
  const requireSafe = (): void => {
    const problem = opened.problem ?? problemOf(folder)
    if (problem !== null) throw new Error(problem)
  }
  return {
    ...opened,
    pathOf: (id, name) => path.join(folder, id, name),
    has: (id) => UUID.test(id) && lstatSync(path.join(folder, id), { throwIfNoEntry: false })?.isDirectory() === true,
    make(id, name, owner) {
      requireSafe()
      withFolder(folder, (descriptor) => makePair(inside(descriptor, folder, id), name, owner))
    },
    close(id) {
      requireSafe()
      if (!UUID.test(id)) throw new Error('not the id of a workspace')
      withFolder(folder, (descriptor) =>
        renameSync(inside(descriptor, folder, id), inside(descriptor, folder, `${CLOSING}${id}-${randomUUID().slice(0, 8)}`)),
      )
    },
    async removeClosed() {
      if (opened.mark === null || problemOf(folder) !== null) return
      const closed = readdirSync(folder).filter((name) => name.startsWith(CLOSING))
      // In another process: an agent may have made any number of files, at any depth. A later call tries again.
      for (const name of closed) await run(systemProgram('rm') ?? 'rm', ['-rf', '--', path.join(folder, name)]).catch(() => {})
    },
  }
}

function open(folder: string): Pick<WorktreeFolder, 'mark' | 'problem'> {
  try {
    makeTraversable(folder)
    const problem = problemOf(folder)
    return problem === null ? { mark: markOf(folder), problem } : { mark: null, problem }
  } catch (error) {
    return { mark: null, problem: error instanceof Error ? error.message : String(error) }
  }
}

/** The folder of a workspace, which stays with the server, and in it the one that its agent gets. */
function makePair(outer: string, name: string, owner: Account | null): void {
  mkdirSync(outer, { mode: 0o700 })
  try {
    withFolder(outer, (descriptor) => {
      // By the descriptor: the umask of the server has no say, and nothing else is meant.
      fchmodSync(descriptor, MAY_ENTER)
      const inner = inside(descriptor, outer, name)
      mkdirSync(inner, { mode: 0o700 })
      if (owner !== null) withFolder(inner, (tree) => fchownSync(tree, owner.uid, owner.gid))
    })
  } catch (error) {
    rmSync(outer, { recursive: true, force: true })
    throw error
  }
}
