import { createHash } from 'node:crypto'
import { createWriteStream, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../dev/testing/backups.ts'
import { readManifest, unpackPhysicalBackup } from './unpack.ts'
import { ARCHIVE_FILE, MANIFEST_FILE } from './write.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const LABEL = 'START WAL LOCATION: 0/2000028\nSTART TIME: 2026-11-28 17:53:36 UTC\nLABEL: paperclip-server\n'
const LISTED = { backup_label: LABEL, 'base/1/1259': 'the catalogue', 'global/pg_control': 'the control file' }

/** A physical backup of some files, with a list of others. */
async function backupOf(files: Readonly<Record<string, string>>, listed: Readonly<Record<string, string>> = LISTED): Promise<string> {
  const folder = temporaryFolder()
  const tar = pack()
  const written = pipeline(tar, createWriteStream(path.join(folder, ARCHIVE_FILE)))
  for (const name of ['base', 'base/1', 'global', 'pg_wal', 'pg_wal/archive_status']) tar.entry({ name, type: 'directory' })
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content)
  tar.finalize()
  await written
  const Files = Object.entries(listed).map(([Path, content]) => ({
    Path,
    Size: content.length,
    'Checksum-Algorithm': 'SHA256',
    Checksum: sha256(content),
  }))
  const text = `{"Files": ${JSON.stringify(Files)},\n`
  writeFileSync(path.join(folder, MANIFEST_FILE), `${text}"Manifest-Checksum": "${sha256(text)}"}\n`)
  return folder
}

const unpack = async (folder: string, target = temporaryFolder()): Promise<string> =>
  await unpackPhysicalBackup(folder, target, await readManifest(folder))

test('A whole physical backup says when it was taken, and its log may be there without being listed', async () => {
  const log = {
    'pg_wal/000000010000000000000002': 'log',
    'pg_wal/archive_status/000000010000000000000002.done': '',
    'pg_wal/00000002.history': '1',
  }
  const target = temporaryFolder()
  expect(await unpack(await backupOf({ ...LISTED, ...log }), target)).toBe('2026-11-28T17:53:36.000Z')
  expect(readdirSync(path.join(target, 'pg_wal'))).toContain('000000010000000000000002')
})

test('A file that the list has not, a file that is there twice and one that is missing are refused', async () => {
  for (const name of ['postgresql.conf', 'base/1/1260', 'pg_wal/evil.so', 'pg_wal/../recovery.signal', './standby.signal'])
    await expect(unpack(await backupOf({ ...LISTED, [name]: '' })), name).rejects.toThrow(/cut or changed/)
  await expect(unpack(await backupOf({ ...LISTED, './base/1/1259': 'the catalogue' }))).rejects.toThrow(/cut or changed/)
  await expect(unpack(await backupOf({ backup_label: LABEL }))).rejects.toThrow(/2 files are missing/)
  await expect(unpack(await backupOf({ ...LISTED, 'base/1/1259': 'another text' }))).rejects.toThrow(/cut or changed/)
})

test('A disk or a folder that cannot be written is not called damage of the backup', async () => {
  const blocked = path.join(temporaryFolder(), 'file')
  writeFileSync(blocked, '')
  const problem = await unpack(await backupOf(LISTED), path.join(blocked, 'below')).catch(String)
  expect(problem).toMatch(/says nothing against it: ENOTDIR/)
  expect(problem).not.toMatch(/cut or changed/)
})
