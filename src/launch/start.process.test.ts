import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const here = path.resolve(import.meta.dirname, '../..')

/** A checkout whose program prints where its source stands, and a word. */
function checkout(word: string) {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-launch-')))
  onTestFinished(() => rmSync(root, { recursive: true }))
  chmodSync(root, 0o755)
  mkdirSync(path.join(root, 'src/server'), { recursive: true })
  cpSync(path.join(here, 'src/launch'), path.join(root, 'src/launch'), { recursive: true })
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json']) cpSync(path.join(here, name), path.join(root, name))
  mkdirSync(path.join(root, 'node_modules'))
  for (const name of readdirSync(path.join(here, 'node_modules')))
    if (!name.startsWith('.')) symlinkSync(path.join(here, 'node_modules', name), path.join(root, 'node_modules', name))
  const write = (name: string, text: string): void => writeFileSync(path.join(root, name), text)
  const say = (said: string): void => write('src/server/word.ts', `export const word: string = '${said} ' + import.meta.url\n`)
  write(
    'src/main.ts',
    "import express from 'express'\nconst { word } = await import('./server/word.ts')\nconsole.log(typeof express, word)\n",
  )
  say(word)
  const start = (account: { uid?: number; gid?: number } = {}): string =>
    // With the umask of a careless service.
    execFileSync('sh', ['-c', 'umask 0; exec "$0" "$@"', process.execPath, path.join(root, 'src/launch/start.js')], {
      cwd: '/',
      encoding: 'utf8',
      ...account,
    }).trim()
  const bundles = (): string[] => {
    try {
      return readdirSync(path.join(root, 'build')).filter((name) => name.endsWith('.mjs'))
    } catch {
      return []
    }
  }
  return { root, say, start, bundles, said: (text: string): string => `function ${text} file://${root}/src/server/word.ts` }
}

test('A start runs the sources as they are now, whatever was bundled before, and each source finds its own place', () => {
  const { root, say, start, bundles, said } = checkout('one')
  expect(start()).toBe(said('one'))
  expect(start()).toBe(said('one'))
  expect(bundles()).toHaveLength(1)
  for (const name of ['build', ...bundles().map((bundle) => `build/${bundle}`)])
    expect(statSync(path.join(root, name)).mode & 0o022).toBe(0)
  for (const word of ['two', 'three', 'four']) {
    say(word)
    expect(start()).toBe(said(word))
  }
  expect(bundles()).toHaveLength(3)
  say('one')
  expect(start()).toBe(said('one'))
})

test('A start after other packages were installed makes another bundle, because packages are in it', () => {
  const { root, start, bundles, said } = checkout('one')
  expect(start()).toBe(said('one'))
  writeFileSync(path.join(root, 'node_modules/.package-lock.json'), '{}')
  expect(start()).toBe(said('one'))
  expect(bundles()).toHaveLength(2)
})

test('The bundle loads better-auth when people sign in, and not at every start', () => {
  const make = "import('./src/launch/bundle.js').then(async ({ makeBundle }) => console.log(await makeBundle()))"
  const text = readFileSync(execFileSync(process.execPath, ['-e', make], { cwd: here, encoding: 'utf8' }).trim(), 'utf8')
  expect(text.match(/^import .*from ['"]better-auth.*$/gm)).toBeNull()
  expect(text).toContain('await import("better-auth/minimal")')
})

test('A start of sources whose package is not installed names the package and the command that installs it', () => {
  const { root } = checkout('one')
  writeFileSync(path.join(root, 'src/main.ts'), "import 'no-such-package'\n")
  const { status, stderr } = spawnSync(process.execPath, [path.join(root, 'src/launch/start.js')], { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: 'The package no-such-package is not installed: run `npm ci` in the folder of paperclip-server, and start it again\n',
  })
})

test('A stack names the source and its line, and the source map has nothing of packages', () => {
  const { root, start, bundles } = checkout('one')
  writeFileSync(
    path.join(root, 'src/main.ts'),
    "import express from 'express'\ninterface Nothing { readonly none: typeof express }\nexport const nothing: Nothing | null = null\nconsole.log(new Error('here').stack?.split('\\n')[1])\n",
  )
  expect(start()).toContain(path.join(root, 'src/main.ts:4'))
  const map = JSON.parse(readFileSync(path.join(root, 'build', `${bundles()[0]}.map`), 'utf8')) as { readonly sources: readonly string[] }
  expect(map.sources.filter((source) => source !== '').toSorted()).toEqual(['../src/main.ts', '../src/program.js'])
})

test.skipIf(process.platform !== 'linux')(
  'The start that makes the bundle leaves no bundler beside the server, with its environment and its descriptors (needs /proc)',
  () => {
    const { root, start, bundles } = checkout('alone')
    writeFileSync(
      path.join(root, 'src/main.ts'),
      "import { readFileSync } from 'node:fs'\nconsole.log('children:', readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim())\n",
    )
    expect(start()).toBe('children:')
    expect(bundles()).toHaveLength(1)
  },
)

test.skipIf(process.getuid?.() !== 0)(
  'A checkout that its account may not write starts without a bundle (needs root, to change the account)',
  () => {
    const { start, bundles, said } = checkout('read')
    expect(start({ uid: 1, gid: 1 })).toBe(said('read'))
    expect(bundles()).toEqual([])
  },
)
