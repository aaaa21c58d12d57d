import { execFile, execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'

const here = path.resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** A checkout with a small console, whose page has a word in it and a part that is loaded later. */
function checkout() {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'paperclip-console-build-')))
  onTestFinished(() => rmSync(root, { recursive: true }))
  chmodSync(root, 0o755)
  cpSync(path.join(here, 'src/launch'), path.join(root, 'src/launch'), { recursive: true })
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json']) cpSync(path.join(here, name), path.join(root, name))
  mkdirSync(path.join(root, 'node_modules'))
  for (const name of readdirSync(path.join(here, 'node_modules')))
    if (!name.startsWith('.')) symlinkSync(path.join(here, 'node_modules', name), path.join(root, 'node_modules', name))
  const write = (name: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    writeFileSync(path.join(root, name), text)
  }
  const say = (word: string): void => {
    write('src/console/main.tsx', `import './styles.css'\nconst shown = <p>{'${word}'}</p>\nvoid import('./later.ts').then(() => shown)\n`)
    write('src/console/later.ts', `export const later: string = '${word} later'\n`)
  }
  write('src/console/firstPaint.ts', "document.documentElement.lang = 'en'\n")
  write('src/console/styles.css', 'p { color: light-dark(black, white) }\n')
  write('src/main.ts', "console.log('started')\n")
  say('one')
  const folder = path.join(root, 'build')
  const consoles = (): string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('console')) : [])
  const prepare = () => run(process.execPath, [path.join(root, 'src/launch/prepare.js')], { cwd: '/' })
  /** The build of the console alone. */
  const build = () =>
    run(process.execPath, ['-e', "import('./src/launch/consoleBuild.js').then(({ makeConsole }) => makeConsole())"], { cwd: root })
  return { root, folder, write, say, consoles, prepare, build }
}

test('A build has the page, its script, style and later part with hashes in their names, each also compressed, and only its owner may change them', async () => {
  const { folder, consoles, build } = checkout()
  await build()
  const [name = ''] = consoles()
  expect(name).toMatch(/^console-[0-9a-f]{32}$/)
  const files = readdirSync(path.join(folder, name), { recursive: true, encoding: 'utf8' }).filter((file) => /\.\w+$/.test(file))
  const plain = files.filter((file) => !/\.(br|gzip)$/.test(file))
  expect(plain.filter((file) => /^assets\/(main|later|firstPaint)-[A-Z0-9]{8}\.(js|css)$/.test(file))).toHaveLength(4)
  const read = (file: string): Buffer => readFileSync(path.join(folder, name, file))
  for (const file of plain) {
    expect(brotliDecompressSync(read(`${file}.br`)).equals(read(file)), file).toBe(true)
    expect(gunzipSync(read(`${file}.gzip`)).equals(read(file)), file).toBe(true)
  }
  const page = read('index.html').toString()
  for (const [, address = ''] of page.matchAll(/(?:src|href)="\/console\/([^"]+)"/g)) expect(plain).toContain(address)
  for (const file of ['', 'assets', ...files]) expect(statSync(path.join(folder, name, file)).mode & 0o022, file).toBe(0)
})

test('Four builds at once make one console, and leave nothing half made', async () => {
  const { consoles, build } = checkout()
  await Promise.all([build(), build(), build(), build()])
  expect(consoles()).toHaveLength(1)
})

test('A change of a source makes another console beside the last ones, of which three stay, and what a killed build left is removed', async () => {
  const { folder, say, consoles, build } = checkout()
  await build()
  const [first] = consoles()
  mkdirSync(path.join(folder, 'console.killed'))
  mkdirSync(path.join(folder, 'console.now'))
  utimesSync(path.join(folder, 'console.killed'), 0, 0)
  for (const word of ['two', 'three', 'four']) {
    say(word)
    await build()
  }
  expect(consoles().filter((name) => /^console-[0-9a-f]{32}$/.test(name))).toHaveLength(3)
  expect(consoles()).not.toContain(first)
  expect(consoles()).not.toContain('console.killed')
  expect(consoles()).toContain('console.now')
  say('one')
  await build()
  expect(consoles()).toContain(first)
})

test('A source that does not compile is named, leaves no folder, and the program is bundled all the same', async () => {
  const { folder, write, consoles, prepare } = checkout()
  write('src/console/later.ts', 'export const = 1\n')
  const { stderr } = await prepare()
  expect(stderr).toContain('The console is not built, and its pages say so')
  expect(stderr).toContain('later.ts')
  expect(consoles()).toEqual([])
  expect(readdirSync(folder).filter((name) => name.endsWith('.mjs'))).toHaveLength(1)
})

test('A start after `npm ci --ignore-scripts` builds the program and the console, and a checkout without a console starts too', () => {
  const { root, consoles } = checkout()
  const start = (): string =>
    execFileSync(process.execPath, [path.join(root, 'src/launch/start.js')], { cwd: '/', encoding: 'utf8' }).trim()
  expect(consoles()).toEqual([])
  expect(start()).toBe('started')
  expect(consoles()).toHaveLength(1)
  rmSync(path.join(root, 'build'), { recursive: true })
  rmSync(path.join(root, 'src/console'), { recursive: true })
  expect(start()).toBe('started')
  expect(consoles()).toEqual([])
})

test.skipIf(process.getuid?.() !== 0)(
  'A checkout that its account may not write starts without a console (needs root, to change the account)',
  () => {
    const { root, consoles } = checkout()
    const account = { uid: 1, gid: 1 }
    expect(
      execFileSync(process.execPath, [path.join(root, 'src/launch/start.js')], { cwd: '/', encoding: 'utf8', ...account }).trim(),
    ).toBe('started')
    expect(consoles()).toEqual([])
  },
)
