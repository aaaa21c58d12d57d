import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { adapterConfigs } from '../../adapters/index.ts'
import { openapi } from '../../http/openapi.ts'
import { adapterTypes } from '../../model/adapterTypes.ts'
import { allEvents, allStateMachines } from '../../server/eventCatalogue.ts'
import { openPool } from '../../platform/db/driver/client.ts'
import type { Pool } from '../../platform/db/driver/client.ts'
import { migrate } from '../../platform/db/migrate.ts'
import { renderCommands } from '../docs/commandPage.ts'
import { renderConfiguration } from '../docs/configurationPage.ts'
import { renderGenerated } from '../docs/generated.ts'
import { renderLintConfig } from '../docs/lintConfig.ts'
import { withMap } from '../docs/map.ts'

import { declaredRoutes } from './declaredRoutes.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const database = `docs_${randomBytes(6).toString('hex')}`
let admin: Pool
let migrated: Pool
let rendered: Awaited<ReturnType<typeof renderGenerated>>

// The template of the other tests carries the tripwire; what is compared here has seen the migrations and nothing else.
beforeAll(async () => {
  const cluster = inject('cluster')
  admin = openPool({ ...cluster, database: 'postgres', max: 1 })
  await admin.query(`create database ${database}`)
  migrated = openPool({ ...cluster, database, max: 1 })
  await migrate(migrated)
  rendered = await renderGenerated(migrated)
})

afterAll(async () => {
  await migrated.end()
  await admin.query(`drop database ${database} with (force)`)
  await admin.end()
})

describe('doc/generated', () => {
  test('The document of the API has one alternative of adapterConfig for each adapter type, with the fields of its schema', () => {
    const { schemas } = (openapi(declaredRoutes(), 'test') as { components: { schemas: Record<string, DocumentedSchema> } }).components
    const union = schemas['AdapterConfig']?.anyOf?.map(({ $ref }) => schemas[$ref.split('/').at(-1) ?? ''])
    const fields = adapterTypes.map((title) => ({ title, names: Object.keys(adapterConfigs[title].shape) }))
    expect(union?.map((each) => ({ title: each?.title, names: Object.keys(each?.properties ?? {}) }))).toEqual(fields)
    for (const name of ['CreateAgentRequest', 'UpdateAgentRequest', 'HireAgentRequest'])
      expect(schemas[name]?.properties?.['adapterConfig']).toMatchObject({ $ref: '#/components/schemas/AdapterConfig' })
  })

  test.each([
    'config.schema.json',
    'adapters.md',
    'openapi.json',
    'events.md',
    'fullCheck.md',
    'states.md',
    'schema.sql',
    'catalogue.json',
    'routes.md',
    'refusals.md',
  ])('The file doc/generated/%s equals what the code renders (npm run docs writes it)', (name) => {
    // As lines, so that a failure shows those that differ.
    expect(rendered[name]?.split('\n')).toEqual(readFileSync(path.join(root, 'doc/generated', name), 'utf8').split('\n'))
  })
})

interface DocumentedSchema {
  readonly title?: string
  readonly properties?: Readonly<Record<string, object>>
  readonly anyOf?: readonly { readonly $ref: string }[]
}

/** Everything that the files matching a pattern export, with the file. */
async function exportsOf(pattern: RegExp): Promise<[string, unknown][]> {
  const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => pattern.test(file))
    .map((file) => path.join('src', file))
  const found: [string, unknown][] = []
  for (const file of files) {
    const exported = (await import(pathToFileURL(path.join(root, file)).href)) as object
    for (const value of Object.values(exported)) found.push([file, value])
  }
  return found
}

test('The import rules of .oxlintrc.json are those of src/dev/docs/importOrder.ts (npm run docs writes them)', () => {
  const current = readFileSync(path.join(root, '.oxlintrc.json'), 'utf8')
  expect(renderLintConfig(current)).toBe(current)
})

test('The file doc/CONFIGURATION.md has every setting as the code declares it (npm run docs writes it)', () => {
  const page = readFileSync(path.join(root, 'doc/CONFIGURATION.md'), 'utf8')
  expect(renderConfiguration().split('\n')).toEqual(page.split('\n'))
})

test('The map in doc/ARCHITECTURE.md shows every room in its order (npm run docs writes it)', () => {
  const page = readFileSync(path.join(root, 'doc/ARCHITECTURE.md'), 'utf8')
  expect(withMap(page)).toBe(page)
})

test('The page doc/COMMANDS.md is what the declarations of commands and checks render (npm run docs writes it)', () => {
  expect(renderCommands().split('\n')).toEqual(readFileSync(path.join(root, 'doc/COMMANDS.md'), 'utf8').split('\n'))
})

test('Every section of the lock protocol that code or a document cites exists', () => {
  const protocol = readFileSync(path.join(root, 'doc/LOCK_PROTOCOL.md'), 'utf8')
  const sections = new Set([...protocol.matchAll(/^#{2,3} (\d+(?:\.\d+)?)\.? /gm)].map((match) => match[1]))
  expect(sections.size).toBeGreaterThan(10)
  const citing = ['src', 'doc'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|sql|md)$/.test(file))
      .map((file) => path.join(folder, file)),
  )
  const missing = citing.flatMap((file) =>
    [...readFileSync(path.join(root, file), 'utf8').matchAll(/LOCK_PROTOCOL(?:\.md)? §(\d+(?:\.\d+)?)/g)]
      .filter((match) => !sections.has(match[1]))
      .map((match) => `${file}: §${match[1]}`),
  )
  expect(missing).toEqual([])
})

describe('the catalogues', () => {
  test('Every event that a room declares is in the catalogue, under a name of its own', async () => {
    const declared = (await exportsOf(/\/events\.ts$/)).filter(([, value]) => typeof value === 'function' && 'action' in value)
    expect(declared.length).toBeGreaterThan(30)
    const listed = new Set<unknown>(allEvents)
    expect(declared.filter(([, value]) => !listed.has(value)).map(([file]) => file)).toEqual([])
    const actions = allEvents.map(({ action }) => action)
    expect(actions.filter((action, at) => actions.indexOf(action) !== at)).toEqual([])
  })

  test('Every state machine of the model is in the catalogue', async () => {
    const declared = (await exportsOf(/^model\/\w+Status\.ts$/)).filter(
      ([, value]) => typeof value === 'object' && value !== null && 'transitions' in value && 'terminal' in value,
    )
    expect(declared.length).toBeGreaterThan(5)
    const listed = new Set<unknown>(allStateMachines)
    expect(declared.filter(([, value]) => !listed.has(value)).map(([file]) => file)).toEqual([])
  })
})
