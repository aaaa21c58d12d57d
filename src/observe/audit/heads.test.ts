import { appendFile, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openHeadFile } from './heads.ts'
import type { RecordedHead } from './heads.ts'

let home = ''
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'paperclip-heads-'))
})
afterEach(async () => {
  await rm(home, { recursive: true, force: true })
})

const company = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
const head = (n: number, position: number): RecordedHead => ({
  companyId: company(n),
  position,
  hash: String(position).padStart(64, '0'),
  at: '2026-11-20T04:04:29.902Z',
})

describe('the file of heads', () => {
  test('The file keeps its lines across a restart and is readable by its owner only', async () => {
    await openHeadFile(home).append([head(1, 1), head(2, 1)], 0)
    await openHeadFile(home).append([head(1, 2)], 0)
    const again = openHeadFile(home)
    expect((await again.readHistory(company(1))).heads.map(({ position }) => position)).toEqual([1, 2])
    expect([...(await again.newestHeads()).values()].map(({ position }) => position)).toEqual([2, 1])
    for (const name of ['audit-heads.ndjson', 'audit-key.pem']) expect((await stat(path.join(home, name))).mode & 0o777, name).toBe(0o600)
  })

  test('The file ignores a line that a crash cut off and a line with a wrong signature', async () => {
    const file = path.join(home, 'audit-heads.ndjson')
    await openHeadFile(home).append([head(1, 1)], 0)
    await appendFile(file, '{"companyId":"00000000-')
    const heads = openHeadFile(home)
    await heads.append([head(1, 2)], 0)
    const [genuine] = (await heads.readHistory(company(1))).heads.slice(-1)
    await appendFile(file, `${JSON.stringify({ ...genuine, position: 99 })}\nforeign text\n`)
    expect((await heads.newestHeads()).get(company(1))?.position).toBe(2)
    expect((await heads.readHistory(company(1))).heads.map((line) => heads.isGenuine(line))).toEqual([true, true, false])
  })

  test('The file stays small and keeps the newest heads and every contradiction', async () => {
    const heads = openHeadFile(home, 10_000)
    const contradicts = { position: 3, hash: 'f'.repeat(64) }
    await heads.append([head(2, 1), { ...head(3, 4), contradicts }], 0)
    for (let position = 1; position <= 400; position += 1) await heads.append([head(1, position)], 0)
    const names = (await readdir(home)).filter((name) => name.startsWith('audit-heads'))
    expect(names.length).toBe(4)
    for (const name of names) expect((await readFile(path.join(home, name))).length).toBeLessThan(13_000)
    const again = openHeadFile(home)
    const newest = await again.newestHeads()
    expect([1, 2, 3].map((n) => newest.get(company(n))?.position)).toEqual([400, 1, 4])
    expect((await again.readHistory(company(3))).heads.some((line) => line.contradicts?.position === 3 && again.isGenuine(line))).toBe(true)
  })
})
