import { zipOf } from '../../dev/testing/zipArchive.ts'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import type { Header } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import { upload } from '../../dev/testing/files.ts'
import { auditCount, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import { MAX_SKILL_FILE_BYTES } from './rules.ts'

const server = useServer()

const skillText = (name: string): string => `---\nname: ${name}\ndescription: Use it for ${name}.\n---\n\nDo it well.\n`

type Entry = readonly [Partial<Header> & { readonly name: string }, string | Buffer]

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack()
  for (const [header, content] of entries) archive.entry(header, content)
  archive.finalize()
  const parts: Buffer[] = []
  for await (const part of archive) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

async function setup() {
  const here = await world(server())
  const path = `/api/companies/${here.company.id}/skills/upload`
  const send = (bytes: Buffer, client = server().board) =>
    upload(server(), client, path, { bytes, type: 'application/octet-stream', name: 'skills' })
  return { ...here, send }
}

describe('an upload of skills', () => {
  test('A tar, a tar.gz and the text of one skill become skills, with a warning for each entry that is none of their texts', async () => {
    const { company, send } = await setup()
    const bytes = await tarOf([
      [{ name: 'pack/letters/SKILL.md' }, skillText('letters')],
      [{ name: 'pack/letters/tone.md' }, 'Kind.'],
      [{ name: 'pack/letters/logo.png' }, Buffer.from([0, 1, 2])],
      [{ name: 'pack/letters/passwd', type: 'symlink', linkname: '/etc/passwd' }, ''],
      [{ name: 'pack/letters/.git/config' }, 'x'],
      [{ name: '../../outside.md' }, 'x'],
      [{ name: '/etc/absolute.md' }, 'x'],
      [{ name: 'pack/letters/large.md' }, 'x'.repeat(MAX_SKILL_FILE_BYTES + 1)],
      [{ name: 'pack/tests/SKILL.md' }, skillText('tests')],
    ])
    for (const [index, each] of [bytes, gzipSync(bytes)].entries()) {
      const answer = await send(each)
      expect(answer.status, answer.text).toBe(201)
      expect(answer.body.imported.map(({ slug }: { slug: string }) => slug)).toEqual(['letters', 'tests'])
      expect(answer.body.imported[0].fileInventory.map((file: { path: string }) => file.path)).toEqual(['SKILL.md', 'tone.md'])
      expect(answer.body.warnings.join('\n')).toMatch(/logo\.png.*no text[^]*passwd.*symlink[^]*outside[^]*absolute[^]*large\.md.*longer/)
      if (index === 0)
        expect((await lastAudit(server(), company.id, 'company.skills_imported')).details).toMatchObject({
          skills: [{ slug: 'letters' }, {}],
        })
    }
    const one = await send(Buffer.from(skillText('alone')))
    expect(one.body.imported, one.text).toMatchObject([{ slug: 'alone', sourceType: 'inline' }])
  })

  test('A zip is read as a tar is: links, other files and large ones are left out', async () => {
    const { send } = await setup()
    const answer = await send(
      zipOf(
        [
          ['pack/letters/', ''],
          ['pack/letters/SKILL.md', skillText('letters')],
          ['pack/letters/tone.md', 'Kind.'],
          ['pack/letters/link.md', '/etc/passwd'],
          ['__MACOSX/pack/._SKILL.md', 'x'],
          ['pack/letters/large.md', 'x'.repeat(MAX_SKILL_FILE_BYTES + 1)],
        ],
        { links: ['pack/letters/link.md'] },
      ),
    )
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body.imported).toMatchObject([{ slug: 'letters', fileInventory: [{ path: 'SKILL.md' }, { path: 'tone.md' }] }])
    expect(answer.body.warnings.join('\n')).toMatch(/link\.md.*symlink[^]*large\.md.*longer/)
    expect(answer.body.warnings).toHaveLength(2)
  })

  test('By an agent it is a proposal that shows the whole text, and is stored when the board grants it', async () => {
    const { agent, run, send, company } = await setup()
    const creator = await run(await agent({ permissions: { canCreateAgents: true } }))
    const answer = await send(gzipSync(await tarOf([[{ name: 'letters/SKILL.md' }, skillText('letters')]])), creator.client)
    expect(answer, answer.text).toMatchObject({ status: 202, body: { imported: [], approval: { status: 'pending' } } })
    const { id } = answer.body.approval
    const shown = await server().board.get(`/api/approvals/${id}`)
    expect(shown.text).toContain('Use it for letters.')
    expect((await server().board.get(`/api/companies/${company.id}/skills`)).body).toEqual([])
    const granted = await server().board.post(`/api/approvals/${id}/approve`, {})
    expect(granted.status, granted.text).toBe(200)
    expect((await server().board.get(`/api/companies/${company.id}/skills`)).body).toMatchObject([{ slug: 'letters' }])
    const worker = await agent()
    expect((await send(Buffer.from(skillText('mine')), worker.client)).status).toBe(403)
  })

  test('A file that is cut, damaged, no text, or larger than an import is refused, and nothing is stored', async () => {
    const { send } = await setup()
    const whole = gzipSync(await tarOf([[{ name: 'letters/SKILL.md' }, skillText('letters')]]))
    const bomb = gzipSync(
      await tarOf([
        [{ name: 'a/SKILL.md' }, skillText('a')],
        [{ name: 'a/zero.bin' }, Buffer.alloc(12 * 1024 * 1024)],
      ]),
    )
    expect(bomb.length).toBeLessThan(100_000)
    const many = gzipSync(await tarOf(Array.from({ length: 5001 }, (_, at): Entry => [{ name: `a/${at}.md` }, ''])))
    const texts = await tarOf(
      Array.from({ length: 17 }, (_, at): Entry => [{ name: `a/${at}/SKILL.md` }, skillText('a') + 'x'.repeat(250 * 1024)]),
    )
    const before = await auditCount(server())
    for (const [bytes, status, code] of [
      [whole.subarray(0, whole.length - 20), 422, 'file_invalid'],
      [gzipSync(Buffer.from('no tar '.repeat(200))), 422, 'file_invalid'],
      [Buffer.from([0x89, 0x50, 0, 1]), 422, 'file_type_unsupported'],
      [Buffer.from('PK\u0003\u0004rest'), 422, 'file_invalid'],
      [
        zipOf([
          ['a/SKILL.md', skillText('a')],
          ['../b.md', 'x'],
        ]),
        422,
        'file_invalid',
      ],
      // Its head says fewer bytes than it has.
      [zipOf([['a/SKILL.md', 'x'.repeat(1024 * 1024)]], { claimedBytes: 10 }), 422, 'file_invalid'],
      [zipOf(Array.from({ length: 60 }, (_, at) => [`a/${at}.md`, 'x'.repeat(250 * 1024)] as const)), 422, 'unprocessable'],
      [zipOf(Array.from({ length: 5001 }, (_, at) => [`a/${at}.md`, ''] as const)), 422, 'unprocessable'],
      [bomb, 422, 'unprocessable'],
      [many, 422, 'unprocessable'],
      [gzipSync(texts), 422, 'unprocessable'],
      [await tarOf([[{ name: 'a/notes.md' }, 'x']]), 422, 'unprocessable'],
      [Buffer.alloc(5 * 1024 * 1024, 'x'), 422, 'file_too_large'],
    ] as const) {
      const answer = await send(bytes)
      expect(answer, answer.text.slice(0, 300)).toMatchObject({ status, body: { code } })
    }
    expect(await auditCount(server())).toBe(before)
  })
})
