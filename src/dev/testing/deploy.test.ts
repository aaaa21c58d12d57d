import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { LIVE_PATH, READY_PATH } from '../../observe/instance/probes.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import { readConfig, variableNames } from '../../server/config.ts'
import { execForm, filesBelow, isLeftOut, named, readText, sourcesOf, stagesOf } from './dockerfile.ts'
import { freePort } from './freePort.ts'
import { isFullCheck } from './fullCheck.ts'

// No container engine, no cluster and no systemd runs here. The files of doc/deploy are compared with the program, and each
// command in them that can run on this machine is run.

const SLOW_MS = 600_000
const SYSTEMD_ANALYZE = '/usr/bin/systemd-analyze'
const root = path.resolve(import.meta.dirname, '../../..')
const deploy = path.join(root, 'doc/deploy')
const has = (file: string): boolean => {
  try {
    accessSync(file)
    return true
  } catch {
    return false
  }
}

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-deploy-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const ignoreText = readText(deploy, 'Dockerfile.dockerignore')
const [build = [], image = []] = stagesOf(readText(deploy, 'Dockerfile'))

/** The variables that the image sets. */
const imageEnvironment = (): Record<string, string> =>
  Object.fromEntries(
    named(image, 'ENV')
      .flatMap((text) => text.split(/\s+/))
      .map((pair) => pair.split('=') as [string, string]),
  )

/** The problems of the configuration that a container gets, with the files of its secrets in a folder of this machine. */
function problemsOf(
  environment: Readonly<Record<string, string>>,
  secrets: { readonly at: string; readonly folder: string },
): readonly string[] {
  const { HOME: _, ...env } = { ...imageEnvironment(), ...environment } as Record<string, string>
  const here = Object.entries(env).map(([name, value]) => [name, value.replace(secrets.at, secrets.folder)])
  const read = readConfig({ ...Object.fromEntries(here), PAPERCLIP_HOME: path.join(secrets.folder, 'home') })
  return 'problems' in read ? read.problems : []
}

describe('The image', () => {
  test('It has two stages of Debian with the major version of Node that the tests run on', () => {
    const version = readText(root, '.nvmrc').trim().split('.')[0]
    for (const stage of [build, image]) expect(named(stage, 'FROM')[0]).toMatch(new RegExp(`^node:${version}-bookworm-slim(?: AS build)?$`))
  })

  test('Every instruction is one of Docker, and every command is in exec form', () => {
    const known = ['FROM', 'WORKDIR', 'COPY', 'RUN', 'LABEL', 'USER', 'ENV', 'VOLUME', 'EXPOSE', 'STOPSIGNAL', 'HEALTHCHECK', 'CMD']
    for (const { name } of [...build, ...image]) expect(known).toContain(name)
    const commands = [...build, ...image].filter(({ name }) => ['RUN', 'CMD'].includes(name)).map(({ text }) => execForm(text))
    expect(commands.every((words) => words.length > 0)).toBe(true)
  })

  test('Every file that is copied exists, and the ignore file lets it into the context', () => {
    const sources = named(build, 'COPY').flatMap(sourcesOf)
    expect(sources).toContain('src')
    for (const source of sources) {
      expect(existsSync(path.join(root, source)), source).toBe(true)
      expect(isLeftOut(ignoreText, source), source).toBe(false)
    }
  })

  test('The ignore file keeps out what is not of the program, and secrets in a checkout', () => {
    for (const file of [
      '.git',
      '.env',
      'node_modules/pg/package.json',
      'doc/deploy/secrets/board-token',
      'src/dev/docs/main.ts',
      'src/server/server.test.ts',
    ])
      expect(isLeftOut(ignoreText, file), file).toBe(true)
    for (const file of ['src/main.ts', 'drizzle/meta/_journal.json', 'doc/generated/openapi.json'])
      expect(isLeftOut(ignoreText, file), file).toBe(false)
  })

  test('It runs as an ordinary account that may write the volume alone, and starts as npm start does', () => {
    expect(named(image, 'USER')).toEqual(['1000:1000'])
    expect(named(image, 'VOLUME')).toEqual(['/data'])
    expect(imageEnvironment()['PAPERCLIP_HOME']).toMatch(/^\/data\/./)
    const started = (JSON.parse(readText(root, 'package.json')) as { scripts: { start: string } }).scripts.start
    expect(execForm(named(image, 'CMD')[0] ?? '').join(' ')).toBe(started.replace(/^exec /, ''))
    expect(existsSync(path.join(root, execForm(named(image, 'CMD')[0] ?? '').at(-1) ?? ''))).toBe(true)
    expect(named(image, 'STOPSIGNAL')).toEqual(['SIGTERM'])
  })

  test('Its variables exist, and none of them is a secret', () => {
    const names = Object.keys(imageEnvironment()).filter((name) => name !== 'NODE_ENV')
    for (const name of names) expect(variableNames).toContain(name)
    expect(names.filter((name) => variableNames.includes(`${name}_FILE`))).toEqual([])
  })

  test('The health check succeeds while the server is ready, and fails while it is not or is away', async () => {
    let status = 200
    const server = createServer((request, response) => response.writeHead(request.url === READY_PATH ? status : 500).end()).listen(
      0,
      '127.0.0.1',
    )
    await once(server, 'listening')
    const [, words = ''] = /CMD (\[.*\])$/.exec(named(image, 'HEALTHCHECK')[0] ?? '') ?? []
    const [, ...args] = execForm(words)
    const check = async (port: number): Promise<number | null> => {
      const { spawn } = await import('node:child_process')
      const child = spawn(process.execPath, args, { env: { PORT: String(port) }, stdio: 'ignore' })
      const [code] = (await once(child, 'exit')) as [number | null]
      return code
    }
    const { port } = server.address() as AddressInfo
    expect(await check(port)).toBe(0)
    status = 503
    expect(await check(port)).toBe(1)
    server.close()
    expect(await check(await freePort())).toBe(1)
  })

  test.skipIf(!isFullCheck)(
    'Its build runs here on nothing but the copied files, and the result starts (FULL_CHECK=1)',
    { timeout: SLOW_MS },
    () => {
      const folder = temporaryFolder()
      for (const copied of named(build, 'COPY')) {
        const target = path.join(folder, copied.split(/\s+/).at(-1) ?? '')
        const sources = sourcesOf(copied)
        for (const source of sources) {
          const to = sources.length > 1 || copied.endsWith('/') ? path.join(target, path.basename(source)) : target
          for (const file of filesBelow(root, source)) {
            if (isLeftOut(ignoreText, file)) continue
            const place = path.join(to, path.relative(source, file))
            mkdirSync(path.dirname(place), { recursive: true })
            cpSync(path.join(root, file), place)
          }
        }
      }
      const env = { PATH: process.env['PATH'], HOME: folder }
      for (const command of named(build, 'RUN').map(execForm)) {
        const [program = '', ...args] = command
        execFileSync(program, args, { cwd: folder, env, stdio: 'pipe' })
      }
      const bundles = readdirSync(path.join(folder, 'build')).filter((name) => /^server-.*\.mjs$/.test(name))
      expect(bundles).toHaveLength(1)
      const [, ...args] = execForm(named(image, 'CMD')[0] ?? '')
      const { stdout } = spawnSync(process.execPath, [...args, '--version'], {
        cwd: folder,
        env: { ...env, ...imageEnvironment() },
        encoding: 'utf8',
      })
      expect(stdout).toMatch(/^(?:paperclip-server )?\d+\.\d+\.\d+/)
      // A container has a read-only root: a start that made a bundle of its own would fail there.
      expect(readdirSync(path.join(folder, 'build')).filter((name) => /^server-.*\.mjs$/.test(name))).toEqual(bundles)
    },
  )
})

interface ComposeService {
  readonly build?: { readonly context: string; readonly dockerfile: string }
  readonly environment: Record<string, string>
  readonly secrets: readonly string[]
  readonly volumes: readonly string[]
  readonly depends_on?: Record<string, unknown>
  readonly ports?: readonly string[]
}

interface Compose {
  readonly services: Record<'server' | 'postgres', ComposeService>
  readonly volumes: Record<string, unknown>
  readonly secrets: Record<string, { readonly file: string }>
}

describe('The compose file', () => {
  const compose = parse(readText(deploy, 'compose.yaml')) as Compose
  const services = Object.values(compose.services)

  const makeSecrets = (folder: string): void => void execFileSync('sh', [path.join(deploy, 'make-secrets.sh'), folder])

  test('Everything that its services name is declared, and the files exist', () => {
    const isDeclared = (source: string): boolean => source.startsWith('./') || source in compose.volumes
    for (const { secrets, volumes, depends_on: after = {} } of services) {
      for (const name of secrets) expect(compose.secrets).toHaveProperty(name)
      for (const name of Object.keys(after)) expect(compose.services).toHaveProperty(name)
      for (const volume of volumes) expect(isDeclared(volume.split(':')[0] ?? ''), volume).toBe(true)
    }
    for (const volume of services.flatMap(({ volumes }) => volumes).filter((each) => each.startsWith('./')))
      expect(existsSync(path.join(deploy, volume.split(':')[0] ?? ''))).toBe(true)
    const { build: made, ports } = compose.services.server
    expect(path.resolve(deploy, made?.context ?? '')).toBe(root)
    expect(existsSync(path.join(root, made?.dockerfile ?? ''))).toBe(true)
    expect(ports).toEqual([`127.0.0.1:3100:${named(image, 'EXPOSE')[0]}`])
  })

  test('The script makes each secret once, for its owner alone, and the server accepts what it is given', () => {
    const folder = path.join(temporaryFolder(), 'secrets')
    makeSecrets(folder)
    const contents = (): string[] => Object.values(compose.secrets).map(({ file }) => readText(folder, path.basename(file)))
    const before = contents()
    expect(new Set(before).size).toBe(before.length)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    makeSecrets(folder)
    expect(contents()).toEqual(before)
    expect(problemsOf(compose.services.server.environment, { at: '/run/secrets', folder })).toEqual([])
    const given = Object.values(compose.services.server.environment).filter((value) => value.startsWith('/run/secrets/'))
    expect(given.map((file) => path.basename(file)).toSorted()).toEqual([...compose.services.server.secrets].toSorted())
  })

  test.skipIf(!has('/usr/bin/psql'))(
    'The script of Postgres makes the two logins and the database of the owner (skipped without psql)',
    async () => {
      const folder = temporaryFolder()
      makeSecrets(folder)
      const cluster = inject('cluster')
      const env = {
        PATH: process.env['PATH'],
        SECRETS: folder,
        POSTGRES_USER: cluster.user,
        PGHOST: cluster.host,
        PGPORT: String(cluster.port),
        PGPASSWORD: cluster.password,
      }
      const admin = openPool({ ...cluster, database: 'postgres', max: 1 })
      onTestFinished(async () => {
        await admin.query('drop database if exists paperclip')
        await admin.query('drop role if exists paperclip_app, paperclip_owner')
        await admin.end()
      })
      execFileSync('sh', [path.join(deploy, 'make-logins.sh')], { env, stdio: 'pipe' })
      const { rows } = await admin.query("select pg_get_userbyid(datdba) as owner from pg_database where datname = 'paperclip'")
      expect(rows).toEqual([{ owner: 'paperclip_owner' }])
      const url = new URL(readText(folder, 'database-url'))
      const login = { host: cluster.host, port: cluster.port, user: url.username, password: url.password, database: url.pathname.slice(1) }
      const application = openPool({ ...login, max: 1 })
      onTestFinished(() => application.end())
      expect((await application.query('select current_user::text as role')).rows).toEqual([{ role: 'paperclip_app' }])
    },
  )
})

interface Container {
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly securityContext: { readonly readOnlyRootFilesystem: boolean }
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
  readonly startupProbe: Probe
  readonly livenessProbe: Probe
  readonly readinessProbe: Probe
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string }
}
interface PodSpec {
  readonly securityContext: Record<string, unknown>
  readonly containers: readonly [Container]
  readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[]
}
interface KubernetesObject {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> }
  readonly spec: {
    readonly selector: Record<string, unknown>
    readonly serviceName?: string
    readonly template?: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: PodSpec }
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[]
  }
}

describe('The manifest of Kubernetes', () => {
  const documents = parseAllDocuments(readText(deploy, 'kubernetes.yaml'))
  const objects = documents.map((document) => document.toJS() as KubernetesObject)
  const set = objects.find(({ kind }) => kind === 'StatefulSet')
  if (set?.spec.template === undefined) throw new Error('the manifest has no stateful set')
  const { template, volumeClaimTemplates = [], serviceName } = set.spec
  const [container] = template.spec.containers

  test('It is well-formed, and its objects find each other', () => {
    for (const document of documents) expect(document.errors).toEqual([])
    const labels = template.metadata.labels
    for (const { kind, spec } of objects)
      expect(kind === 'Service' ? spec.selector : (spec.selector['matchLabels'] as object), kind).toEqual(labels)
    expect(objects.filter(({ kind }) => kind === 'Service').map(({ metadata }) => metadata.name)).toEqual([serviceName])
    const volumes = [...template.spec.volumes.map(({ name }) => name), ...volumeClaimTemplates.map(({ metadata }) => metadata.name)]
    expect(container.volumeMounts.map(({ name }) => name).toSorted()).toEqual(volumes.toSorted())
  })

  test('It agrees with the image: account, port, volume, and a root that cannot be written', () => {
    const [uid, gid] = (named(image, 'USER')[0] ?? '').split(':').map(Number)
    expect(template.spec.securityContext).toMatchObject({ runAsUser: uid, runAsGroup: gid, runAsNonRoot: true })
    expect(container.securityContext.readOnlyRootFilesystem).toBe(true)
    expect(String(container.ports[0]?.containerPort)).toBe(named(image, 'EXPOSE')[0])
    const mounts = container.volumeMounts.map(({ mountPath }) => mountPath)
    expect(mounts).toEqual(expect.arrayContaining([...named(image, 'VOLUME'), '/tmp']))
  })

  test('Its probes ask for paths that answer without a host name', () => {
    const { startupProbe, livenessProbe, readinessProbe } = container
    const paths = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)
    expect(paths).toEqual([LIVE_PATH, LIVE_PATH, READY_PATH])
  })

  test('The server accepts its variables, and each secret that it names is in the command that makes them', () => {
    const folder = temporaryFolder()
    execFileSync('sh', [path.join(deploy, 'make-secrets.sh'), folder])
    const more = ['agent-jwt-secret', 'metrics-token']
    for (const name of more) writeFileSync(path.join(folder, name), readText(folder, 'board-token').split('').toReversed().join(''))
    const environment = Object.fromEntries(container.env.map(({ name, value }) => [name, value]))
    expect(problemsOf(environment, { at: '/run/secrets/paperclip', folder })).toEqual([])
    const made = [...readText(deploy, 'kubernetes.yaml').matchAll(/--from-file=([\w-]+)/g)].map(([, name]) => name)
    const mounted = Object.values(environment).filter((value) => value.startsWith('/run/secrets/'))
    expect(new Set(made)).toEqual(new Set(mounted.map((file) => path.basename(file))))
  })
})

describe('The unit of systemd', () => {
  const unit = readText(deploy, 'paperclip-server.service')
  const settings = [...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value] as const)
  const valuesOf = (wanted: string): string[] => settings.filter(([name]) => name === wanted).map(([, value]) => value)

  test('It starts a file that exists, with variables that exist, and the board needs its token', () => {
    const file = /\ssrc\/\S+$/.exec(valuesOf('ExecStart')[0] ?? '')?.[0].trim() ?? ''
    expect(existsSync(path.join(root, file)), file).toBe(true)
    const variables = Object.fromEntries(valuesOf('Environment').map((pair) => pair.split('=') as [string, string]))
    for (const name of Object.keys(variables).filter((each) => each !== 'NODE_ENV')) expect(variableNames).toContain(name)
    expect(variables['PAPERCLIP_BOARD']).toBe('token')
    expect(variables['PAPERCLIP_HOME']).toBe(`/var/lib/${valuesOf('StateDirectory')[0]}`)
  })

  test('It waits longer than the server takes to end by itself, and reloads by the signal that the server knows', () => {
    expect(Number(valuesOf('TimeoutStopSec')[0])).toBeGreaterThan(30)
    expect(valuesOf('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID'])
    expect(valuesOf('KillMode')).toEqual(['mixed'])
  })

  test.skipIf(!has(SYSTEMD_ANALYZE))('The check of systemd finds no fault in it (skipped without systemd-analyze)', () => {
    const copy = path.join(temporaryFolder(), 'paperclip-server.service')
    writeFileSync(copy, unit.replace('/usr/bin/node', process.execPath))
    const { status, stderr } = spawnSync(SYSTEMD_ANALYZE, ['verify', '--man=no', copy], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })
})

describe('The rotation of the log', () => {
  test('It has the folder of the unit, and sends the signal on which the server opens the file again', () => {
    const text = readText(deploy, 'paperclip-server.logrotate')
    const [file = ''] = /^\/\S+/m.exec(text) ?? []
    expect(readText(deploy, 'paperclip-server.service')).toContain(`PAPERCLIP_LOG_FILE=${file}`)
    expect(text).toMatch(/--signal=HUP paperclip-server\.service/)
  })
})

test('Every file of doc/deploy is named in its README', () => {
  const readme = readText(deploy, 'README.md')
  const names = readdirSync(deploy).filter((name) => name !== 'README.md' && name !== 'secrets')
  expect(names.filter((name) => !readme.includes(`(${name})`))).toEqual([])
})
