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
/** Begins the name of a folder that was taken out of its place, while it may still be put back. */
const TAKEN = '.taken-'
/** Begins the name of a folder that is to be deleted. */
const CLOSING = '.closing-'
/** A folder that was taken so long ago is of a row that does not exist any more: the claim of a close lasts a quarter of an hour. */
const TAKEN_FOR_MS = 60 * 60_000
/** Folders of one look. */
const REMOVALS = 20
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

/** The mark that stands in the folder now; null when there is none, as where its disk is not mounted. It makes none. */
function markNow(folder: string): string | null {
  try {
    return withFolder(folder, (descriptor) => readFileSync(inside(descriptor, folder, MARKER), 'utf8').trim())
  } catch {
    return null
  }
}

/** The folder of the operator, while it is safe. */
interface WorktreeFolder {
  /** Null when it is not usable now; then `problem` says why. */
  readonly mark: string | null
  readonly problem: string | null
  /** Where the worktree of a workspace stands. */
  pathOf(id: string, name: string): string
  /** Whether the folder of a workspace is there, or the one in it that the agent has. A link is none. */
  has(id: string, name?: string): boolean
  /** Facts about the folder of a worktree that are another one after an exchange. */
  factsOf(id: string, name: string): string[]
  /** Makes the empty folder of a worktree. @throws when it exists, or the folder of the operator is not safe */
  make(id: string, name: string, owner: Account | null): void
  /** Takes a folder out of its place, at once and as a whole. @returns puts it back: whether it could @throws when it is not there */
  take(id: string): () => boolean
  /** Lets `removeClosed` delete what was taken. */
  discard(id: string): void
  /** Deletes what was discarded, for some seconds at most. A later call goes on. Never rejects. */
  removeClosed(): Promise<void>
}

/**
 * @param folder an absolute path; it is made when it is missing
 * @param removalMs how long one look deletes files, in milliseconds. A later one goes on: an agent may have made any number of them
 */
export function openWorktreeFolder(folder: string, removalMs: number): WorktreeFolder {
  const opened = open(folder)
  const current = (): Pick<WorktreeFolder, 'mark' | 'problem'> => {
    if (opened.mark === null || markNow(folder) === opened.mark) return opened
    return { mark: null, problem: `${folder} is not the folder that it was when this server started: its disk may not be mounted` }
  }
  const requireSafe = (): void => {
    const problem = opened.problem ?? problemOf(folder) ?? current().problem
    if (problem !== null) throw new Error(problem)
  }
  const exchange = (from: string, to: string): void =>
    withFolder(folder, (descriptor) => renameSync(inside(descriptor, folder, from), inside(descriptor, folder, to)))
  const takenOf = (id: string): string[] => readdirSync(folder).filter((name) => name.startsWith(`${TAKEN}${id}-`))
  let removal: Promise<void> | undefined
  return {
    get mark() {
      return current().mark
    },
    get problem() {
      return current().problem
    },
    pathOf: (id, name) => path.join(folder, id, name),
    has: (id, name = '') => UUID.test(id) && lstatSync(path.join(folder, id, name), { throwIfNoEntry: false })?.isDirectory() === true,
    factsOf: (id, name) =>
      [path.join(folder, id), path.join(folder, id, name)].map((each) => {
        const facts = lstatSync(each, { throwIfNoEntry: false, bigint: true })
        return facts === undefined ? '' : [facts.ino, facts.mode, facts.size, facts.mtimeNs, facts.ctimeNs].join(' ')
      }),
    make(id, name, owner) {
      requireSafe()
      withFolder(folder, (descriptor) => makePair(inside(descriptor, folder, id), name, owner))
    },
    take(id) {
      requireSafe()
      if (!UUID.test(id)) throw new Error('not the id of a workspace')
      const taken = `${TAKEN}${id}-${randomUUID().slice(0, 8)}`
      exchange(id, taken)
      return () => {
        try {
          exchange(taken, id)
          return true
        } catch {
          return false
        }
      }
    },
    discard(id) {
      requireSafe()
      for (const name of takenOf(id)) exchange(name, `${CLOSING}${name.slice(TAKEN.length)}`)
    },
    removeClosed() {
      const isSafe = current().mark !== null && problemOf(folder) === null
      removal ??= (isSafe ? removeAll(folder, removalMs, exchange) : Promise.resolve()).finally(() => (removal = undefined))
      return removal
    },
  }
}

type Exchange = (from: string, to: string) => void

async function removeAll(folder: string, removalMs: number, exchange: Exchange): Promise<void> {
  try {
    discardForgotten(folder, exchange)
    const until = performance.now() + removalMs
    const closed = readdirSync(folder).filter((name) => name.startsWith(CLOSING))
    for (const name of closed.slice(0, REMOVALS)) await remove(path.join(folder, name), until - performance.now())
  } catch {
    // A later call tries again.
  }
}

/** Discards folders that no claim is at work on any more: their rows went with their company. */
function discardForgotten(folder: string, exchange: Exchange): void {
  for (const name of readdirSync(folder).filter((each) => each.startsWith(TAKEN))) {
    // The rename was the last change of the folder itself.
    const takenAt = lstatSync(path.join(folder, name), { throwIfNoEntry: false })?.ctimeMs
    if (takenAt !== undefined && Date.now() - takenAt > TAKEN_FOR_MS) exchange(name, `${CLOSING}${name.slice(TAKEN.length)}`)
  }
}

/** Deletes a folder in another process, which is ended when the time is over: a loop over millions of files would take this one. */
async function remove(folder: string, timeoutMs: number): Promise<void> {
  if (timeoutMs <= 0) return
  await run(systemProgram('rm') ?? 'rm', ['-rf', '--', folder], { timeout: Math.ceil(timeoutMs), killSignal: 'SIGKILL' }).catch(() => {})
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
