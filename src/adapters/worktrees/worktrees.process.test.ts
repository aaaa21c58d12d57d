import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { createLauncher } from '../isolation/index.ts'
import { isolatedServer, isRoot, OTHER_AGENT, workingWays } from '../isolation/testKit.ts'
import { git, makeRepository, temporaryFolder } from '../../dev/testing/gitRepository.ts'
import { branchOf, closed, folderForWorktrees, made, worktreeOf } from './worktrees.fixture.ts'
import { createWorktrees } from './worktrees.ts'

const ways = await workingWays()

describe('A worktree', () => {
  test('It has a branch of its own and the files of its commit, and nothing of it is lost when it is clean', async () => {
    const repository = makeRepository()
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { worktree, tree, commit, inspect } = await made(worktrees, repository)
    expect(commit).toBe(git(repository, 'rev-parse', 'main'))
    expect(git(tree, 'symbolic-ref', '--short', 'HEAD')).toBe(branchOf(worktree))
    expect(git(tree, 'status', '--porcelain')).toBe('')
    expect(readFileSync(path.join(tree, 'notes/one.txt'), 'utf8')).toBe('1\n')
    const state = await inspect()
    expect(state).toMatchObject({
      problem: null,
      headCommit: commit,
      branch: branchOf(worktree),
      dirtyCount: 0,
      isStaged: false,
      entries: [],
    })
    expect(state).toMatchObject({ aheadCount: 0, unpushedCount: 1, hasRemote: false, isHeadKept: true, nestedCount: 0 })
    expect(await closed(worktrees, worktree)).toBeNull()
    await worktrees.removeClosed()
    expect(worktrees.exists(worktree.id)).toBe(false)
    expect(git(repository, 'worktree', 'list', '--porcelain').match(/^worktree /gm)).toHaveLength(1)
    expect(git(repository, 'rev-parse', branchOf(worktree))).toBe(commit)
  })

  test('Changes are found whatever the index says, and another content has another token', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, makeRepository({ 'a.txt': 'a\n', 'b.txt': 'b\n', '.gitignore': 'built\n' }))
    git(tree, 'update-index', '--assume-unchanged', 'a.txt')
    git(tree, 'update-index', '--skip-worktree', 'b.txt')
    writeFileSync(path.join(tree, 'a.txt'), 'another\n')
    rmSync(path.join(tree, 'b.txt'))
    writeFileSync(path.join(tree, 'new.txt'), 'new\n')
    mkdirSync(path.join(tree, 'built'))
    writeFileSync(path.join(tree, 'built/out.bin'), 'out')
    expect(git(tree, 'status', '--porcelain')).toBe('?? new.txt')
    const first = await inspect()
    expect(first).toMatchObject({ dirtyCount: 3, ignoredCount: 1, isStaged: false })
    expect(first.entries).toEqual([
      { status: 'M', path: 'a.txt' },
      { status: 'D', path: 'b.txt' },
      { status: 'A', path: 'new.txt' },
    ])
    expect((await inspect()).token).toBe(first.token)
    writeFileSync(path.join(tree, 'new.txt'), 'newer\n')
    const second = await inspect()
    expect(second.entries).toEqual(first.entries)
    expect(second.token).not.toBe(first.token)
  })

  test('A staged change whose file is gone again, and a repository inside, are found', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, makeRepository())
    writeFileSync(path.join(tree, 'staged.txt'), 'staged\n')
    git(tree, 'add', 'staged.txt')
    rmSync(path.join(tree, 'staged.txt'))
    expect(await inspect()).toMatchObject({ dirtyCount: 0, isStaged: true })
    git(tree, 'reset', '--quiet')
    renameSync(makeRepository(), path.join(tree, 'inner'))
    expect(await inspect()).toMatchObject({ nestedCount: 1, isStaged: false })
  })

  test('The last commit of a worktree without a branch is kept when it is closed', async () => {
    const repository = makeRepository()
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { worktree, tree, inspect } = await made(worktrees, repository)
    git(tree, 'checkout', '--quiet', '--detach')
    git(tree, 'commit', '--quiet', '--allow-empty', '--message', 'Alone')
    const state = await inspect()
    expect(state).toMatchObject({ branch: null, isHeadKept: false, aheadCount: 1, dirtyCount: 0 })
    expect(await closed(worktrees, worktree)).toBeNull()
    expect(git(repository, 'rev-parse', `refs/paperclip/worktrees/${worktree.name}`)).toBe(state.headCommit)
  })

  test('It begins at the branch that is asked for; what is no commit, or looks like an option, makes none and leaves nothing', async () => {
    const repository = makeRepository()
    git(repository, 'branch', 'release')
    git(repository, 'commit', '--quiet', '--allow-empty', '--message', 'Later')
    const folder = folderForWorktrees()
    const worktrees = createWorktrees(folder, null)
    expect((await made(worktrees, repository, 'release')).commit).toBe(git(repository, 'rev-parse', 'release'))
    const mark = path.join(temporaryFolder(), 'mark')
    const before = git(repository, 'for-each-ref')
    for (const base of [
      'nothing',
      `--upload-pack=touch ${mark}`,
      '--help',
      '-c core.hooksPath=x',
      'main:letter.txt',
      `\`touch ${mark}\``,
    ]) {
      const worktree = worktreeOf(repository)
      expect(await worktrees.create(worktree, branchOf(worktree), base)).toHaveProperty('problem')
      expect(worktrees.exists(worktree.id)).toBe(false)
    }
    expect(existsSync(mark)).toBe(false)
    expect(git(repository, 'for-each-ref')).toBe(before)
    await worktrees.removeClosed()
    expect(readdirSync(folder)).toHaveLength(2)
    expect(readdirSync(path.join(repository, '.git/worktrees'))).toHaveLength(1)
  })

  test('A folder of a project that is no repository, or is missing, is a problem with a sentence', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    for (const repository of [temporaryFolder(), '/nowhere/at/all']) {
      const worktree = worktreeOf(repository)
      expect(await worktrees.create(worktree, branchOf(worktree), null)).toMatchObject({
        problem: expect.stringContaining(repository) as string,
      })
    }
  })

  test('A folder of the operator inside that of the project is a problem, because runs of the project write there', async () => {
    const repository = makeRepository()
    const worktrees = createWorktrees(path.join(repository, 'worktrees'), null)
    const worktree = worktreeOf(repository)
    expect(await worktrees.create(worktree, branchOf(worktree), null)).toMatchObject({
      problem: expect.stringContaining('lie in each other') as string,
    })
  })

  test('Git that does not end is ended, and its folder is removed', async () => {
    const repository = makeRepository()
    rmSync(path.join(repository, '.git/packed-refs'), { force: true })
    execFileSync('mkfifo', [path.join(repository, '.git/packed-refs')])
    const worktrees = createWorktrees(folderForWorktrees(), null, { create: 700, inspect: 700, small: 700, remove: 700 })
    const worktree = worktreeOf(repository)
    expect(await worktrees.create(worktree, branchOf(worktree), null)).toMatchObject({
      problem: expect.stringContaining('git took longer than 1 s') as string,
    })
    expect(worktrees.exists(worktree.id)).toBe(false)
  })
})

/** Plants everything in a repository that makes git execute a program. Each leaves a mark. */
function plantPrograms(repository: string, mark: string): void {
  const program = path.join(repository, '.git/program')
  writeFileSync(program, `#!/bin/sh\necho "$0 $*" >> ${mark}\ncat\n`, { mode: 0o755 })
  for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change', 'pre-commit', 'fsmonitor-watchman', 'update']) {
    mkdirSync(path.join(repository, '.git/hooks'), { recursive: true })
    writeFileSync(path.join(repository, '.git/hooks', hook), `#!/bin/sh\necho ${hook} >> ${mark}\n`, { mode: 0o755 })
  }
  const settings: Readonly<Record<string, string>> = {
    'core.hooksPath': path.join(repository, '.git/hooks'),
    'core.fsmonitor': program,
    'core.sshCommand': program,
    'core.pager': program,
    'core.editor': program,
    'core.askPass': program,
    'core.alternateRefsCommand': program,
    'diff.external': program,
    'diff.evil.textconv': program,
    'diff.evil.command': program,
    'filter.evil.clean': program,
    'filter.evil.smudge': program,
    'filter.a=b.smudge': program,
    'filter.evil.required': 'true',
    'credential.helper': program,
    'remote.origin.url': `ext::${program}`,
    'remote.origin.promisor': 'true',
    'remote.origin.uploadpack': program,
    'protocol.ext.allow': 'always',
    'protocol.allow': 'always',
    'alias.worktree': `!${program}`,
    'gpg.program': program,
    'submodule.recurse': 'true',
  }
  for (const [name, value] of Object.entries(settings)) git(repository, 'config', name, value)
  writeFileSync(path.join(repository, '.git/info/attributes'), '* filter=evil diff=evil\n')
}

describe('A hostile repository', () => {
  test('Its hooks, filters, monitors, transports and other programs are not executed', async () => {
    const repository = makeRepository({ 'a.txt': 'a\n', '.gitattributes': '*.txt filter=evil diff=evil\nb filter=a=b\n', b: 'b\n' })
    const mark = path.join(temporaryFolder(), 'mark')
    const worktrees = createWorktrees(folderForWorktrees(), null)
    plantPrograms(repository, mark)
    // Git by itself executes them in this repository: the test would notice.
    git(repository, 'worktree', 'add', '--quiet', '-b', 'plain', path.join(temporaryFolder(), 'plain'))
    expect(existsSync(mark)).toBe(true)
    rmSync(mark)
    const { worktree, tree, inspect } = await made(worktrees, repository)
    expect(readFileSync(path.join(tree, 'a.txt'), 'utf8')).toBe('a\n')
    writeFileSync(path.join(tree, 'a.txt'), 'changed\n')
    const state = await inspect()
    expect(state).toMatchObject({ problem: null, entries: [{ status: 'M', path: 'a.txt' }] })
    expect(await closed(worktrees, worktree)).toBeNull()
    expect(existsSync(mark) ? readFileSync(mark, 'utf8') : '').toBe('')
  })

  test('Objects that it promises from elsewhere are not fetched', async () => {
    const repository = makeRepository()
    const mark = path.join(temporaryFolder(), 'mark')
    plantPrograms(repository, mark)
    const blob = execFileSync('git', ['rev-parse', 'main:letter.txt'], { cwd: repository, encoding: 'utf8' }).trim()
    git(repository, 'config', 'core.repositoryformatversion', '1')
    git(repository, 'config', 'extensions.partialClone', 'origin')
    rmSync(path.join(repository, '.git/objects', blob.slice(0, 2), blob.slice(2)))
    rmSync(mark, { force: true })
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const worktree = worktreeOf(repository)
    expect(await worktrees.create(worktree, branchOf(worktree), null)).toHaveProperty('problem')
    expect(existsSync(mark) ? readFileSync(mark, 'utf8') : '').toBe('')
  })

  test('A worktree that was exchanged for a link is not looked into, and what the link leads to stays', async () => {
    const [repository, elsewhere] = [makeRepository(), temporaryFolder()]
    writeFileSync(path.join(elsewhere, 'file'), 'of another party')
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { worktree, tree, inspect } = await made(worktrees, repository)
    renameSync(tree, `${tree}-away`)
    symlinkSync(elsewhere, tree)
    const state = await inspect()
    expect(state).toMatchObject({ problem: 'The folder of the worktree is gone', entries: [] })
    expect(await closed(worktrees, worktree)).toBeNull()
    await worktrees.removeClosed()
    expect(readFileSync(path.join(elsewhere, 'file'), 'utf8')).toBe('of another party')
    expect(worktrees.exists(worktree.id)).toBe(false)
  })

  test('Thousands of names, in every form, are counted and not all listed', async () => {
    const worktrees = createWorktrees(folderForWorktrees(), null)
    const { tree, inspect } = await made(worktrees, makeRepository())
    const count = 3000
    for (let at = 0; at < count; at++) writeFileSync(path.join(tree, `${'x'.repeat(60)}\n-entries ${at}`), String(at % 3))
    const { problem, dirtyCount, entries } = await inspect()
    expect({ problem, dirtyCount, listed: entries.length }).toEqual({ problem: null, dirtyCount: count, listed: 200 })
    expect(entries[0]?.path).toContain('\n-entries')
  })
})

describe('The folder of the operator', () => {
  test('It is made with a mark that stays, and one that others could exchange is refused', () => {
    const folder = folderForWorktrees()
    const first = createWorktrees(folder, null)
    expect(first.problem).toBeNull()
    expect(createWorktrees(folder, null).folderMark).toBe(first.folderMark)
    expect(statSync(path.join(folder, '.paperclip-folder')).mode & 0o777).toBe(0o600)

    const link = path.join(temporaryFolder(), 'link')
    symlinkSync(folder, link)
    const open = path.join(temporaryFolder(), 'open')
    mkdirSync(open)
    chmodSync(open, 0o777)
    const below = path.join(open, 'below')
    mkdirSync(below)
    expect(createWorktrees(link, null).problem).toContain('is reached by a link')
    expect(createWorktrees(open, null).problem).toContain('other accounts may write')
    expect(createWorktrees(below, null).problem).toContain('other accounts may write')
    expect(createWorktrees(below, null).folderMark).toBeNull()
  })

  test('A folder that is exchanged for a link while the server runs gets no worktree', async () => {
    const folder = folderForWorktrees()
    const worktrees = createWorktrees(folder, null)
    const elsewhere = temporaryFolder()
    renameSync(folder, `${folder}-away`)
    symlinkSync(elsewhere, folder)
    const worktree = worktreeOf(makeRepository())
    expect(await worktrees.create(worktree, branchOf(worktree), null)).toMatchObject({
      problem: expect.stringContaining('is reached by a link') as string,
    })
    expect(readdirSync(elsewhere)).toEqual([])
  })

  test.runIf(isRoot)('One that belongs to another account is refused', () => {
    const folder = temporaryFolder()
    execFileSync('chown', ['65534', folder])
    expect(createWorktrees(folder, null).problem).toContain('does not belong to the account of this server')
  })
})

describe.each(ways)('A worktree of an isolated agent, with $name', (way) => {
  test('The agent works in it with git, another agent and the folder of the operator are kept from it, and its work is found', async () => {
    const server = await isolatedServer({ way })
    const launcher = createLauncher(server.isolation, { home: server.home, environment: { HOME: server.operatorHome }, allowed: [] })
    const worktrees = createWorktrees(folderForWorktrees(), launcher)
    const repository = makeRepository()
    const { worktree, tree, inspect } = await made(worktrees, repository)
    const other = await made(worktrees, repository)
    const config = { cwd: tree }
    const work =
      'git status --short; git -c user.name=A -c user.email=a@example.com commit --quiet --allow-empty -m Work; echo more > more.txt; pwd'
    expect(await server.output(work, { config })).toBe(`${tree}\n`)
    // The other worktree is not in the view; nor can the own one be exchanged.
    expect(
      await server.output(`ls ${other.tree} 2>/dev/null || echo hidden; mv ${tree} ${tree}-away 2>/dev/null || echo stays`, { config }),
    ).toBe('hidden\nstays\n')
    expect(await inspect()).toMatchObject({
      problem: null,
      aheadCount: 1,
      entries: [{ status: 'A', path: 'more.txt' }],
      branch: branchOf(worktree),
    })
    // The repository still belongs to the operator alone.
    expect(statSync(path.join(repository, '.git', 'HEAD')).uid).toBe(process.getuid?.())
    expect(await closed(worktrees, worktree)).toBeNull()
    await worktrees.removeClosed()
    expect(worktrees.exists(worktree.id)).toBe(false)
  })

  test('Programs that a repository names do not reach what isolation keeps from the agent', async () => {
    const server = await isolatedServer({ way })
    const launcher = createLauncher(server.isolation, { home: server.home, environment: { HOME: server.operatorHome }, allowed: [] })
    const worktrees = createWorktrees(folderForWorktrees(), launcher)
    const repository = makeRepository()
    plantPrograms(repository, path.join(repository, 'mark'))
    const worktree = worktreeOf(repository, OTHER_AGENT)
    expect(await worktrees.create(worktree, branchOf(worktree), null)).toHaveProperty('commit')
    expect(existsSync(path.join(repository, 'mark'))).toBe(false)
  })
})
