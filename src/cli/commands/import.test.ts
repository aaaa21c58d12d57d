import { PassThrough } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { createPaperclipSource } from '../../dev/testing/paperclipSource.ts'
import { plantCompany } from '../../dev/testing/plantedCompany.ts'
import { useServer } from '../../dev/testing/world.ts'
import { runProgram } from '../program.ts'
import { importCommand } from './import.ts'

const server = useServer()

/** The URL of the database of the server under test, as the login that it works with. */
function targetUrl(): string {
  const { user = '', password, host = '', port, database } = server().database.connection
  return `postgres://${user}:${encodeURIComponent(String(password))}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`
}

/** Runs the command in this process. */
async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const text = { out: '', err: '' }
  stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk))
  stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk))
  const around = { env, stdin: new PassThrough(), stdout, stderr, listenForSignals: () => new AbortController().signal }
  const exit = await runProgram({ version: 'test', commands: [importCommand] }, ['import', ...args], around)
  return { exit, ...text }
}

test('The command shows what would come, and does it with --apply', async () => {
  const source = await createPaperclipSource()
  onTestFinished(() => source.drop())
  const { id, prefix } = await plantCompany(source)
  const looked = await run(['--from', source.url, '--database-url', targetUrl()])
  expect(looked).toMatchObject({ exit: 0, out: expect.stringContaining('Nothing was written') as string })
  expect(looked.out).toContain(`Planted (${prefix})`)
  expect((await server().board.get(`/api/companies/${id}`)).status).toBe(404)
  // The URL is seen by no other account when it comes from the environment.
  const applied = await run(['--apply', '--company', prefix, '--json'], { PAPERCLIP_IMPORT_FROM: source.url, DATABASE_URL: targetUrl() })
  expect(applied.exit).toBe(0)
  expect(JSON.parse(applied.out)).toMatchObject({
    isApplied: true,
    companies: [{ id, outcome: 'new', tables: { issues: { brought: 3 } }, secretsToEnter: ['GH_TOKEN'] }],
  })
  expect((await server().board.get(`/api/issues/${prefix}-1`)).status).toBe(200)
})

test('A source that is missing, does not answer or is no Paperclip database ends the command with its exit code', async () => {
  expect(await run(['--database-url', targetUrl()])).toMatchObject({ exit: 2 })
  expect(await run(['--from', 'postgres://a:hidden-word@127.0.0.1:1/x', '--database-url', targetUrl()])).toMatchObject({
    exit: 3,
    err: expect.not.stringContaining('hidden-word') as string,
  })
  const own = await run(['--from', targetUrl(), '--database-url', targetUrl()])
  expect(own).toMatchObject({ exit: 1, err: expect.stringContaining('The source refuses a read (42501)') as string })
})

test('A database of this server that has never been migrated is refused before anything is read into it', async () => {
  const source = await createPaperclipSource()
  onTestFinished(() => source.drop())
  const refused = await run(['--from', source.url, '--apply', '--database-url', source.url])
  expect(refused).toMatchObject({ exit: 1, err: expect.stringContaining('start this server on it once') as string })
})
