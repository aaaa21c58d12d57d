import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { extract } from 'tar-stream'
import { expect, onTestFinished, test } from 'vitest'
import { TEST_BOARD_TOKEN, useServer, world } from '../../dev/testing/world.ts'
import { supportSources } from '../../server/supportSources.ts'
import { collectSupport, writeArchive } from './index.ts'

const server = useServer()

/** Planted wherever a text of a person or an agent stands. */
const CANARY = `canary${randomBytes(6).toString('hex')}`
const SECRET = randomBytes(24).toString('base64url')

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-support-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The files of an archive by their names. */
async function filesIn(file: string): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const archive = extract()
  archive.on('entry', ({ name }, stream, next) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: unknown) => chunks.push(chunk as Buffer))
    stream.on('end', () => {
      files.set(name, Buffer.concat(chunks).toString('utf8'))
      next()
    })
  })
  const done = new Promise<void>((resolve, reject) => {
    archive.on('finish', resolve)
    archive.on('error', reject)
  })
  archive.end(gunzipSync(readFileSync(file)))
  await done
  return files
}

/** A server whose texts, names, secrets and logs all have the canary. */
async function plant(home: string): Promise<void> {
  const { agent, issue, run } = await world(server())
  const planted = await agent({
    name: `Agent ${CANARY}`,
    adapterType: 'process',
    adapterConfig: { command: 'true', env: { API_KEY: SECRET, NOTE: CANARY } },
  })
  const acting = await run(planted)
  const target = await issue({ title: CANARY, description: `${CANARY} ${SECRET}` })
  await acting.client.post(`/api/issues/${target.id}/comments`, { body: CANARY })
  for (const name of ['board-token', 'agent-jwt-secret', 'secrets-master-key', 'database-password'])
    writeFileSync(path.join(home, name), SECRET)
  mkdirSync(path.join(home, CANARY))
  mkdirSync(path.join(home, 'agents', CANARY), { recursive: true })
  const at = '2026-11-30 11:00:00.123 UTC [42]'
  const postgres = [
    `${at} ERROR:  syntax error at or near "${CANARY}"`,
    `${at} STATEMENT:  select '${CANARY}'`,
    `${at} LOG:  database system is ready to accept connections`,
  ]
  writeFileSync(path.join(home, 'postgres.log'), `${postgres.join('\n')}\n`)
}

const logText = (): string =>
  [
    CANARY,
    JSON.stringify({ level: 30, time: 1, msg: 'listening', url: `http://${CANARY}`, version: '0.1.0' }),
    JSON.stringify({ level: 40, time: 2, msg: 'claim', claimUrl: `http://x/${SECRET}`, agentName: CANARY }),
    JSON.stringify({
      level: 50,
      time: 3,
      msg: 'periodic task failed; retrying',
      duty: 'seal',
      err: { type: 'Error', message: CANARY, code: 'ENOSPC', frames: ['at x'] },
    }),
    JSON.stringify({ level: 60, time: 4, msg: CANARY, err: { type: 'Error', message: CANARY, frames: [] } }),
  ].join('\n')

test('A bundle describes settings, health, metrics, database and logs, and has no text, name or secret of anything that was planted', async () => {
  const home = temporaryFolder()
  await plant(home)
  const connection = server().database.owner
  const password = typeof connection.password === 'string' ? connection.password : ''
  const databaseUrl = `postgres://${connection.user}:${encodeURIComponent(password)}@localhost:${connection.port}/${connection.database}?host=${encodeURIComponent(String(connection.host))}`
  const sources = supportSources({
    version: '0.1.0',
    env: { DATABASE_URL: databaseUrl, PAPERCLIP_BOARD_TOKEN: TEST_BOARD_TOKEN, OTEL_EXPORTER_OTLP_HEADERS: `authorization=${SECRET}` },
    home,
    url: server().url,
    onDatabase: (work) => work(server().database.sql),
    settings: [{ name: 'PAPERCLIP_SECURITY_CONTACT', value: `mailto:${CANARY}@example.com`, source: 'environment' }],
    readLog: () => Promise.resolve(logText()),
    diagnose: () => Promise.resolve({ findings: [], token: SECRET }),
  })
  const { files, missing } = await collectSupport(sources)
  expect(missing).toEqual({})
  const file = path.join(home, 'bundle.tar.gz')
  await writeArchive(file, 'bundle', files)
  expect(statSync(file).mode & 0o777).toBe(0o600)

  const unpacked = await filesIn(file)
  const whole = [...unpacked].flat().join('\n')
  for (const planted of [CANARY, SECRET, password, TEST_BOARD_TOKEN, encodeURIComponent(SECRET), Buffer.from(SECRET).toString('base64')])
    expect(whole).not.toContain(planted)
  const part = (name: string): string => unpacked.get(`bundle/${name}`) ?? ''
  expect(JSON.parse(part('health.json'))).toMatchObject({ health: { status: 'ok' }, ready: { status: 'ready' } })
  expect(part('metrics.txt')).toContain('paperclip_build_info')
  const database = JSON.parse(part('database.json')) as { tables: { name: string }[]; settings: { name: string }[]; migrations: object }
  expect(database.tables.map(({ name }) => name)).toContain('issues')
  expect(database.settings.map(({ name }) => name)).toContain('max_connections')
  expect(database.migrations).toMatchObject({ pending: [], unknown: [] })
  expect(JSON.stringify(database)).not.toContain('"missing"')
  expect(part('log.ndjson')).toContain('"code":"ENOSPC"')
  expect(part('log.ndjson')).toContain('(1 lines left out)')
  expect(part('postgres.log')).toContain('database system is ready')
  expect(JSON.parse(part('home.json'))).toMatchObject({
    furtherEntries: 1,
    entries: expect.arrayContaining([expect.objectContaining({ name: 'agents', entries: 1 })]),
  })
  expect(JSON.parse(part('machine.json'))).toMatchObject({ version: '0.1.0', node: process.versions.node })
})

test('A server and a database that are away are named as missing, and the rest is written', async () => {
  const home = temporaryFolder()
  const sources = supportSources({
    version: '0.1.0',
    env: {},
    home,
    url: 'http://127.0.0.1:1',
    onDatabase: () => Promise.reject(Object.assign(new Error(CANARY), { code: 'ECONNREFUSED' })),
    settings: [],
    readLog: null,
    diagnose: () => Promise.reject(Object.assign(new Error(CANARY), { code: 'ECONNREFUSED' })),
  })
  const { files, missing } = await collectSupport(sources)
  expect(Object.keys(missing).toSorted()).toEqual([
    'database.json',
    'doctor.json',
    'health.json',
    'log.ndjson',
    'metrics.txt',
    'postgres.log',
  ])
  expect(files.map(({ name }) => name)).toEqual(['README.txt', 'machine.json', 'settings.json', 'home.json', 'missing.json'])
  expect(JSON.stringify(files)).not.toContain(CANARY)
})

test('A file that exists is not written over, and nothing is left of one that could not be written', async () => {
  const file = path.join(temporaryFolder(), 'bundle.tar.gz')
  writeFileSync(file, 'mine')
  await expect(writeArchive(file, 'bundle', [])).rejects.toMatchObject({ code: 'EEXIST' })
  expect(readFileSync(file, 'utf8')).toBe('mine')
  await expect(writeArchive(path.join(file, 'below'), 'bundle', [])).rejects.toMatchObject({ code: 'ENOTDIR' })
})
