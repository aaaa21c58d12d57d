import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { useServer, world } from '../../dev/testing/world.ts'
import type { World } from '../../dev/testing/world.ts'
import type { Store } from '../../platform/db/types.ts'
import { createSearchIndexer, indexChangedTexts } from './searchIndex.ts'
import { askedWords, partsOf } from './searchKeys.ts'

const server = useServer()
const sql = async <T extends object>(text: string, values?: unknown[]): Promise<T[]> =>
  (await server().database.sql.query<T>(text, values)).rows

/** Indexes everything, so that a search cannot find a text among the changes that it reads without the index. */
async function index(): Promise<void> {
  while ((await indexChangedTexts(server().store)).isBehind);
  expect(await sql('select 1 from issue_search_changes')).toEqual([])
}

async function find(here: World, q: string, more = ''): Promise<string[]> {
  const { status, body, text } = await server().board.get(`/api/companies/${here.company.id}/issues?q=${encodeURIComponent(q)}${more}`)
  expect(status, text).toBe(200)
  return body.map((row: { id: string }) => row.id)
}

const putDocument = (id: string, body: string, baseRevisionId?: string) =>
  server().board.put(`/api/issues/${id}/documents/notes`, { format: 'markdown', body, baseRevisionId })

describe('the search by its index', () => {
  test('It finds words, beginnings, parts of three letters and identifiers in titles, descriptions, comments and documents (K54)', async () => {
    const here = await world(server())
    const issue = await here.issue({ title: 'Deploy the frobnicator to QA', description: 'It needs 512 MB, see build-7.' })
    const other = await here.issue({ title: 'Something else' })
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'The **wombat** is in `api/v2/users`.' })
    expect((await putDocument(issue.id, 'A plan about armadillos')).status).toBe(201)
    await index()
    for (const q of [
      'frobnicator',
      'FROB',
      'nicat',
      'qa',
      'q',
      '512 mb',
      'build-7',
      '-7.',
      'wombat',
      'api/v2',
      'v2',
      'armadillo',
      issue.identifier,
    ])
      expect(await find(here, q), q).toEqual([issue.id])
    expect(await find(here, 'wombat armadillos deploy')).toEqual([issue.id])
    for (const q of ['frobnicatos', 'wombat else', 'zq', 'uick']) expect(await find(here, q), q).toEqual([])
    expect(await find(here, 'e')).toEqual([other.id])
  })

  test('It finds words of other scripts, whatever their case', async () => {
    const here = await world(server())
    const titles = [
      '修正登录页面的错误',
      'ログイン画面を直す',
      '로그인 오류 수정',
      'แก้ไขหน้าเข้าสู่ระบบ',
      'Исправить ошибку входа',
      'Änderung der Größe',
      'תיקון שגיאת כניסה',
      'إصلاح خطأ الدخول',
    ]
    const issues = []
    for (const title of titles) issues.push(await here.issue({ title: 'Title', description: title }))
    await index()
    const words = ['登录', '画面', '오류', 'หน้า', 'ОШИБКУ', 'größe', 'שגיאת', 'الدخول']
    for (const [at, word] of words.entries()) expect(await find(here, word), word).toEqual([issues[at]?.id])
    expect(await find(here, '直')).toEqual([issues[1]?.id])
  })

  test('A text that was changed or deleted is not found from then on, and leaves no keys in the index', async () => {
    const here = await world(server())
    const [edited, documented, deleted] = [
      await here.issue({ title: 'The password is hunter2' }),
      await here.issue({ title: 'Documented' }),
      await here.issue({ title: 'Last narwhal' }),
    ]
    const { body: document } = await putDocument(documented.id, 'The secret axolotl')
    await server().board.post(`/api/issues/${deleted.id}/comments`, { body: 'Another narwhal' })
    await index()
    expect([...(await find(here, 'hunter2')), ...(await find(here, 'axolotl')), ...(await find(here, 'narwhal'))]).toHaveLength(3)
    await server().board.patch(`/api/issues/${edited.id}`, { title: 'The password was removed' })
    expect((await putDocument(documented.id, 'Nothing', document.latestRevisionId)).status).toBe(200)
    expect((await server().board.del(`/api/issues/${deleted.id}`)).status).toBe(200)
    expect([...(await find(here, 'hunter2')), ...(await find(here, 'axolotl')), ...(await find(here, 'narwhal'))]).toEqual([])
    await index()
    expect(await find(here, 'removed')).toEqual([edited.id])
    expect(await sql('select 1 from issue_search where issue_id = $1', [deleted.id])).toEqual([])
    await server().board.del(`/api/issues/${documented.id}/documents/notes`)
    await index()
    expect(await sql('select source_id from issue_search where issue_id = $1', [documented.id])).toEqual([{ source_id: documented.id }])
    await server().board.post(`/api/companies/${here.company.id}/archive`)
    await sql('delete from issues where company_id = $1', [here.company.id])
    await index()
    expect(await sql('select 1 from issue_search where issue_id = any($1)', [[edited.id, documented.id]])).toEqual([])
  })

  test('A server that read a text before it changed does not replace the keys that another one has written since', async () => {
    const here = await world(server())
    await index()
    const issue = await here.issue({ title: 'First words' })
    const { store } = server()
    let changeText = async (): Promise<void> => {
      changeText = async () => {}
      await server().board.patch(`/api/issues/${issue.id}`, { title: 'Second thoughts' })
      await index()
    }
    const run: Store['read']['run'] = async (statement, params) => {
      const rows = await store.read.run(statement, params)
      await changeText()
      return rows
    }
    const late: Store = { ...store, read: { ...store.read, run } }
    await indexChangedTexts(late)
    expect(await find(here, 'thoughts')).toEqual([issue.id])
  })

  test('The index shows nothing of another company and nothing hidden, and other filters narrow what it finds', async () => {
    const [here, elsewhere] = [await world(server()), await world(server())]
    const shown = await here.issue({ title: 'A quokka', status: 'blocked', priority: 'low' })
    const open = await here.issue({ title: 'One quokka more', priority: 'high' })
    const hidden = await here.issue({ title: 'A hidden quokka' })
    await elsewhere.issue({ title: 'A foreign quokka' })
    await server().board.patch(`/api/issues/${hidden.id}`, { hiddenAt: '2026-01-01T00:00:00.000Z' })
    await index()
    expect(await find(here, 'quokka')).toEqual([open.id, shown.id])
    expect(await find(here, 'quokka', '&status=blocked')).toEqual([shown.id])
    expect(await find(here, 'quokka', `&assigneeUserId=stranger`)).toEqual([])
  })

  test('An issue comes first when its identifier is searched for, however many others begin with it', async () => {
    const here = await world(server())
    const first = await here.issue({ priority: 'low' })
    await sql(
      `insert into issues (company_id, title, issue_number, identifier, priority)
       select $1, 'Filler', 10000 + i, $2 || i, 'critical' from generate_series(0, 599) i`,
      [here.company.id, first.identifier],
    )
    await index()
    expect((await find(here, first.identifier.toLowerCase(), '&limit=3'))[0]).toBe(first.id)
    expect(await find(here, 'filler', '&limit=1000')).toHaveLength(500)
  })

  test('The migration lets the texts of an older database be indexed', async () => {
    const here = await world(server())
    const issue = await here.issue({ title: 'An old okapi' })
    await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'An old pangolin' })
    await putDocument(issue.id, 'An old tapir')
    await sql('truncate issue_search, issue_search_changes, issue_search_segments')
    expect(await find(here, 'okapi')).toEqual([])
    const migration = readFileSync(new URL('../../../drizzle/0026_issue_search.sql', import.meta.url), 'utf8')
    await sql(migration.split('--> statement-breakpoint').at(-1) as string)
    await index()
    for (const q of ['okapi', 'pangolin', 'tapir']) expect(await find(here, q), q).toEqual([issue.id])
  })
})

describe('the parts of words', () => {
  const letters = Array.from('abcxyzäß7登录ラ한-./😀')
  const letter = fc.constantFrom(...letters)
  const text = fc.string({ unit: fc.constantFrom(...letters, ' '), maxLength: 60 })

  test('A text that contains a word of three letters or more has all of its parts, wherever the word stands', () => {
    fc.assert(
      fc.property(text, fc.string({ unit: letter, minLength: 3, maxLength: 10 }), text, (before, word, after) => {
        const runs = word.match(/[\p{L}\p{N}]+/gu) ?? []
        fc.pre(runs.length === 0 || runs[0] !== word || Array.from(word).length > 2)
        const parts = partsOf(`${before}${word}${after}`)
        for (const asked of askedWords([word]).flat()) expect(parts.has(asked), asked).toBe(true)
      }),
    )
  })

  test('A word of one or two letters is found where a word begins with it', () => {
    expect(askedWords(['qa', 'x'])).toEqual([['^qa'], ['^x']])
    expect([...partsOf('QA x')]).toEqual(expect.arrayContaining(['^q', '^qa', '^x']))
    expect(askedWords(['%', '--'])).toEqual([])
  })

  test('A letter of two units is one letter', () => {
    expect([...partsOf('a\u{1D4B7}\u{1D4B8}d')]).toEqual(['^a', '^a\u{1D4B7}', 'a\u{1D4B7}\u{1D4B8}', '\u{1D4B7}\u{1D4B8}d'])
  })
})

test('A server indexes what it commits at its next look, and asks the database rarely while it commits nothing', async () => {
  const { store } = server()
  const here = await world(server())
  const issue = await here.issue()
  const look = createSearchIndexer(store, pino({ level: 'silent' }))
  const changes = async (): Promise<number> => (await sql('select 1 from issue_search_changes')).length
  await look()
  expect(await changes()).toBe(0)
  await sql("update issues set title = 'Written by another server' where id = $1", [issue.id])
  await look()
  expect(await changes()).toBe(1)
  await server().board.post(`/api/issues/${issue.id}/comments`, { body: 'Written by this server' })
  await look()
  expect(await changes()).toBe(0)
})

test('A call reads as many batches as there are, and leaves what is written meanwhile for the next one', async () => {
  const { store } = server()
  const here = await world(server())
  await index()
  const change = (issues: number, letters: number) =>
    sql(
      `insert into issues (company_id, title, issue_number, identifier, description)
       select $1, 'Filler', n, $2 || n, repeat('x ', $4::int / 2) from (select coalesce(max(issue_number), 0) as last from issues) issues,
         generate_series(last + 1, last + $3::int) n`,
      [here.company.id, `BATCH${String(Math.random()).slice(2, 8)}-`, issues, letters],
    )
  let reads = 0
  const run = async (...args: Parameters<Store['read']['run']>) => {
    const rows = await store.read.run(...args)
    reads += 1
    await change(1, 10)
    return rows
  }
  const observed: Store = { ...store, read: { ...store.read, run: run as Store['read']['run'] } }
  const readsFor = async (issues: number, letters: number): Promise<number> => {
    await change(issues, letters)
    reads = 0
    expect(await indexChangedTexts(observed)).toEqual({ isBehind: false })
    expect(await sql('select 1 from issue_search_changes')).toHaveLength(1)
    await index()
    return reads
  }
  expect([await readsFor(1, 10), await readsFor(501, 10), await readsFor(10, 30_000)]).toEqual([1, 2, 2])
})
