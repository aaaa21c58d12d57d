import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { isFullCheck } from '../../dev/testing/fullCheck.ts'
import { git, makeRepository, temporaryFolder } from '../../dev/testing/gitRepository.ts'
import { closed, folderForWorktrees, made } from './worktrees.fixture.ts'
import { createWorktrees } from './worktrees.ts'

const adminOf = (repository: string, name: string): string => path.join(repository, '.git/worktrees', name)

/** A repository of an agent in a folder of the worktree, whose filter and monitor leave a mark when git enters it. */
function plantInner(tree: string, mark: string): string {
  const inner = path.join(tree, 'inner')
  mkdirSync(inner)
  git(inner, 'init', '--quiet', '--initial-branch=main')
  writeFileSync(path.join(inner, 'file.txt'), 'one\n')
  git(inner, 'add', '--all')
  git(inner, 'commit', '--quiet', '--message', 'Inner')
  const program = path.join(inner, '.git/program')
  writeFileSync(program, `#!/bin/sh\necho "$0 $*" >> ${mark}\ncat\n`, { mode: 0o755 })
  for (const name of ['filter.evil.clean', 'filter.evil.process', 'core.fsmonitor', 'diff.external']) git(inner, 'config', name, program)
  writeFileSync(path.join(inner, '.gitattributes'), '* filter=evil\n')
  writeFileSync(path.join(inner, 'file.txt'), 'two\n')
  return inner
}

describe('A look at a worktree', () => {
  test('It enters no repository inside: neither one that a commit names nor a new one, and both are something that is left', async () => {
    const repository = makeRepository()
    const mark = path.join(temporaryFolder(), 'mark')
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, repository)
    plantInner(tree, mark)
    git(tree, 'add', 'inner')
    git(tree, 'commit', '--quiet', '--message', 'A repository inside')
    rmSync(mark, { force: true })
    // Git by itself executes the filter: the test would notice.
    git(tree, 'status', '--porcelain')
    expect(existsSync(mark)).toBe(true)
    rmSync(mark)
    const state = await inspect()
    expect(state).toMatchObject({ problem: null, nestedCount: 1, dirtyCount: 0, isStaged: false })
    expect(existsSync(mark) ? readFileSync(mark, 'utf8') : '').toBe('')
    git(tree, 'rm', '--quiet', '--cached', 'inner')
    git(tree, 'commit', '--quiet', '--message', 'Not any more')
    rmSync(mark, { force: true })
    const later = await inspect()
    expect(later).toMatchObject({ problem: null, nestedCount: 1, dirtyCount: 0 })
    expect(existsSync(mark)).toBe(false)
  })

  test('A repository in an ignored folder is something that is left', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, makeRepository({ '.gitignore': 'built\n' }))
    mkdirSync(path.join(tree, 'built'))
    plantInner(path.join(tree, 'built'), path.join(temporaryFolder(), 'mark'))
    expect(await inspect()).toMatchObject({ problem: null, nestedCount: 1, dirtyCount: 0, ignoredCount: 1 })
  })

  test('A submodule that was not fetched is nothing that is left, and one whose files are there is', async () => {
    const [repository, module] = [makeRepository(), makeRepository()]
    git(repository, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', module, 'module')
    git(repository, 'commit', '--quiet', '--message', 'A submodule')
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, repository)
    expect(await inspect()).toMatchObject({ problem: null, nestedCount: 0, dirtyCount: 0, isStaged: false, isReplaced: false })
    git(tree, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'update', '--init')
    expect(await inspect()).toMatchObject({ problem: null, nestedCount: 1, dirtyCount: 0 })
  })

  test('Excludes that all worktrees of the repository share hide nothing', async () => {
    const repository = makeRepository()
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, repository)
    mkdirSync(path.join(repository, '.git/info'), { recursive: true })
    writeFileSync(path.join(repository, '.git/info/exclude'), '*\n')
    writeFileSync(path.join(tree, 'work.txt'), 'work\n')
    expect(git(tree, 'status', '--porcelain')).toBe('')
    expect(await inspect()).toMatchObject({ dirtyCount: 1, entries: [{ status: 'A', path: 'work.txt' }] })
  })

  test('A repository in the place of the link to the own one is found', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, makeRepository())
    expect(await inspect()).toMatchObject({ isReplaced: false })
    rmSync(path.join(tree, '.git'))
    git(tree, 'init', '--quiet')
    git(tree, 'add', '--all')
    git(tree, 'commit', '--quiet', '--message', 'Hidden')
    expect(await inspect()).toMatchObject({ problem: null, dirtyCount: 0, isReplaced: true })
  })

  test('A rebase that has put changes aside is found, and what it put aside is kept', async () => {
    const repository = makeRepository()
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect, worktree } = await made(worktrees, repository)
    writeFileSync(path.join(tree, 'letter.txt'), 'mine\n')
    git(tree, 'commit', '--quiet', '--all', '--message', 'Mine')
    writeFileSync(path.join(repository, 'letter.txt'), 'theirs\n')
    git(repository, 'commit', '--quiet', '--all', '--message', 'Theirs')
    writeFileSync(path.join(tree, 'notes/one.txt'), 'put aside\n')
    expect(() => git(tree, 'rebase', '--autostash', 'main')).toThrow()
    const aside = readFileSync(path.join(adminOf(repository, worktree.name), 'rebase-merge/autostash'), 'utf8').trim()
    git(tree, 'checkout', '--force', '--quiet', 'HEAD', '--', '.')
    expect(await inspect()).toMatchObject({ problem: null, isUnfinished: true })
    expect(await closed(worktrees, worktree)).toBeNull()
    expect(git(repository, 'show', `${aside}:notes/one.txt`)).toBe('put aside')
    expect(git(repository, 'for-each-ref', '--format=%(objectname)', 'refs/paperclip/worktree-logs').split('\n')).toContain(aside)
  })

  test('Commits that only the log of the worktree has are counted, and stay in the repository when it is closed', async () => {
    const repository = makeRepository()
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect, worktree, commit } = await made(worktrees, repository)
    git(tree, 'commit', '--quiet', '--allow-empty', '--message', 'One')
    git(tree, 'commit', '--quiet', '--allow-empty', '--message', 'Two')
    const lost = git(tree, 'rev-parse', 'HEAD')
    git(tree, 'reset', '--quiet', '--hard', commit)
    expect(await inspect()).toMatchObject({ problem: null, aheadCount: 0, dirtyCount: 0, loggedCount: 1, headCommit: commit })
    expect(await closed(worktrees, worktree)).toBeNull()
    expect(git(repository, 'rev-parse', `refs/paperclip/worktree-logs/${worktree.name}/${lost}`)).toBe(lost)
    expect(existsSync(adminOf(repository, worktree.name))).toBe(false)
  })

  test('A folder that is too deep for git is not taken for empty', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, makeRepository())
    const script = `for (let at = 0; at < 30; at++) { fs.mkdirSync('d'.repeat(200)); process.chdir('d'.repeat(200)) } fs.writeFileSync('work', 'work')`
    execFileSync(process.execPath, ['-e', script], { cwd: tree })
    const state = await inspect()
    execFileSync('rm', ['-rf', path.join(tree, 'd'.repeat(200))])
    expect(state).toMatchObject({ problem: expect.stringContaining('cannot be read') as string })
  })

  test.runIf(isFullCheck)('It writes no content of a file, however large', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const repository = makeRepository()
    const { tree, inspect } = await made(worktrees, repository)
    const objects = () => readdirSync(path.join(repository, '.git/objects'), { recursive: true }).length
    const before = objects()
    // Larger than the limit of a file that the script may write.
    execFileSync('truncate', ['--size=300M', path.join(tree, 'large.bin')])
    expect(await inspect()).toMatchObject({ problem: null, dirtyCount: 1 })
    expect(objects()).toBe(before)
  })

  test('Links are compared by where they lead, and not by what is there', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, makeRepository())
    rmSync(path.join(tree, 'letter.txt'))
    symlinkSync('/nowhere/one', path.join(tree, 'letter.txt'))
    const first = await inspect()
    expect(first).toMatchObject({ problem: null, dirtyCount: 1, entries: [{ status: 'T', path: 'letter.txt' }] })
    rmSync(path.join(tree, 'letter.txt'))
    symlinkSync('/nowhere/two', path.join(tree, 'letter.txt'))
    expect((await inspect()).token).not.toBe(first.token)
  })

  test('A state that git could not find out has another token after a change, and in another worktree', async () => {
    const repository = makeRepository()
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect, worktree } = await made(worktrees, repository)
    const other = await made(worktrees, repository)
    const tokens = async (): Promise<string[]> => [(await inspect()).token, (await other.inspect()).token]
    rmSync(repository, { recursive: true })
    const [first = '', ofOther = ''] = await tokens()
    expect(await inspect()).toMatchObject({ problem: expect.stringContaining('does not exist') as string, token: first })
    expect(ofOther).not.toBe(first)
    writeFileSync(path.join(tree, 'notes/two.txt'), 'work\n')
    expect((await inspect()).token).not.toBe(first)
    expect((await worktrees.inspect(worktree, '', ['another run'])).token).not.toBe((await inspect()).token)
  })
})

describe('The folder of the operator', () => {
  test('A disk that is not mounted makes the folder unusable, and nothing of it counts as gone', async () => {
    const folder = folderForWorktrees()
    const worktrees = createWorktrees(folder, null)
    const mark = worktrees.folderMark
    expect(mark).not.toBeNull()
    execFileSync('mv', [folder, `${folder}-away`])
    mkdirSync(folder, { mode: 0o711 })
    expect(worktrees.folderMark).toBeNull()
    expect(worktrees.problem).toContain('its disk may not be mounted')
    rmSync(folder, { recursive: true })
    execFileSync('mv', [`${folder}-away`, folder])
    expect(worktrees.folderMark).toBe(mark)
  })

  test('A folder that was taken away can be put back, and is deleted only when it was given up', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { worktree, tree } = await made(worktrees, makeRepository())
    const taken = worktrees.take(worktree)
    if ('problem' in taken) throw new Error(taken.problem)
    expect(existsSync(tree)).toBe(false)
    await worktrees.removeClosed()
    expect(taken.putBack()).toBe(true)
    expect(existsSync(path.join(tree, 'letter.txt'))).toBe(true)
    expect(taken.putBack()).toBe(false)
  })

  test('Files of closed worktrees are deleted for a limited time, and a later look goes on', async () => {
    const [folder, repository] = [folderForWorktrees(), makeRepository()]
    const limits = { create: 60_000, inspect: 60_000, small: 60_000, remove: 1 }
    const hasty = createWorktrees(folder, null, limits)
    const { worktree, tree } = await made(hasty, repository)
    for (let at = 0; at < 3000; at++) writeFileSync(path.join(tree, `file-${at}`), '')
    expect(await closed(hasty, worktree)).toBeNull()
    await hasty.removeClosed()
    const left = readdirSync(folder).filter((name) => name.startsWith('.closing-'))
    expect(left).toHaveLength(1)
    await createWorktrees(folder, null).removeClosed()
    expect(readdirSync(folder)).toEqual(['.paperclip-folder'])
  })

  test('A close that was cut behind the rename is ended, and the repository forgets the worktree', async () => {
    const [folder, repository] = [folderForWorktrees(), makeRepository()]
    const worktrees = createWorktrees(folder, null)
    const { worktree } = await made(worktrees, repository)
    worktrees.take(worktree)
    expect(git(repository, 'worktree', 'list', '--porcelain')).toContain('locked')
    await worktrees.settle(worktree)
    expect(git(repository, 'worktree', 'list', '--porcelain')).not.toContain('locked')
    await worktrees.removeClosed()
    expect(readdirSync(folder)).toEqual(['.paperclip-folder'])
  })

  test('A folder around it, or in it, exposes worktrees', () => {
    const folder = folderForWorktrees()
    const worktrees = createWorktrees(folder, null)
    expect([path.dirname(folder), '/', path.join(folder, 'one'), folder].map((each) => worktrees.exposes(each))).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect([`${folder}-beside`, temporaryFolder()].map((each) => worktrees.exposes(each))).toEqual([false, false])
  })
})
