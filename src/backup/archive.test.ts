import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createWriteStream } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../dev/testing/backups.ts'
import { seededRandom } from '../dev/testing/seededRandom.ts'
import { createArchiveWriter, readArchive } from './archive.ts'
import { encrypted } from './encryption.ts'
import type { Decryption, Encryption } from './encryption.ts'

const random = seededRandom(15)

/** Entries with content that does not compress to nothing. */
const entries = new Map(
  Array.from({ length: 6 }, (_, at) => [
    `tables/t${at}/000001.copy`,
    Buffer.from(Array.from({ length: 40_000 }, () => Math.floor(random.next() * 256))),
  ]),
)

/** Writes the entries into a file. */
async function write(encryption: Encryption | null = null): Promise<string> {
  const file = path.join(temporaryFolder(), 'a.paperclip')
  const archive = createArchiveWriter(new Date(0))
  const bytes = encryption === null ? archive.bytes : await encrypted(archive.bytes, encryption)
  const written = pipeline(bytes, createWriteStream(file))
  for (const [name, content] of entries) await archive.add(name, content)
  archive.end()
  await written
  return file
}

/** Everything that a file gives when it is read to its end. */
async function readAll(file: string, decryption: Decryption | null = null): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>()
  await readArchive({ file, decryption }, async ({ name, body }) => {
    const parts: Buffer[] = []
    for await (const part of body) parts.push(part)
    found.set(name, Buffer.concat(parts))
  })
  return found
}

/** Reads a file whose bytes were changed. */
async function readChanged(file: string, change: (bytes: Buffer) => Buffer, decryption: Decryption | null = null): Promise<string> {
  const changed = path.join(temporaryFolder(), 'changed.paperclip')
  writeFileSync(changed, change(Buffer.from(readFileSync(file))))
  return await readAll(changed, decryption).then(
    () => 'read',
    (error: Error) => error.message,
  )
}

const flip =
  (at: number) =>
  (bytes: Buffer): Buffer => {
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
    return bytes
  }

const somewhere = (length: number, count: number): number[] => Array.from({ length: count }, () => Math.floor(random.next() * length))

describe('the file of a backup', () => {
  test('It gives back what was written, and every reader of gzip opens it', async () => {
    const file = await write()
    expect(await readAll(file)).toEqual(entries)
    expect(gunzipSync(readFileSync(file)).length).toBeGreaterThan(240_000)
  })

  test('Each of ten cuts at a random place is refused, and so is each cut of the last bytes', async () => {
    const file = await write()
    const { length } = readFileSync(file)
    for (const end of [...somewhere(length, 10), 0, 1, length - 1, length - 60, length - 130])
      expect(await readChanged(file, (bytes) => bytes.subarray(0, end)), `cut at ${end} of ${length}`).toMatch(/cut or changed/)
  })

  test('A changed byte is refused wherever it stands, also in what gzip does not check, and so is a byte more', async () => {
    const file = await write()
    const { length } = readFileSync(file)
    // The time and the system in the header of gzip are covered by no checksum of its own.
    for (const at of [...somewhere(length, 25), 4, 8, 9, length - 1, length - 12, length - 40, length - 100])
      expect(await readChanged(file, flip(at)), `changed at ${at} of ${length}`).toMatch(/cut or changed|cannot be decrypted/)
    expect(await readChanged(file, (bytes) => Buffer.concat([bytes, Buffer.from([0])]))).toMatch(/cut or changed/)
  })

  test('An encrypted file opens with its private key only, and is refused when it is cut or changed', async () => {
    const folder = temporaryFolder()
    const identity = await generateIdentity()
    const [own, other] = [path.join(folder, 'own.key'), path.join(folder, 'other.key')]
    writeFileSync(own, `# created by a test\n${identity}\n`)
    writeFileSync(other, `${await generateIdentity()}\n`)
    const file = await write({ recipient: await identityToRecipient(identity) })
    expect(readFileSync(file).includes(Buffer.from('tables/t0'))).toBe(false)
    expect(await readAll(file, { identityFile: own })).toEqual(entries)
    await expect(readAll(file)).rejects.toThrow(/is encrypted/)
    await expect(readAll(file, { identityFile: other })).rejects.toThrow(/cannot be decrypted/)
    const { length } = readFileSync(file)
    for (const at of somewhere(length, 8))
      expect(await readChanged(file, flip(at), { identityFile: own })).toMatch(/cut or changed|cannot be decrypted/)
    for (const end of somewhere(length, 5))
      expect(await readChanged(file, (bytes) => bytes.subarray(0, end), { identityFile: own })).toMatch(
        /cut or changed|cannot be decrypted/,
      )
  })

  test('A passphrase comes from a file; one that is short and a recipient that is none are refused without their text', async () => {
    const folder = temporaryFolder()
    const [long, short] = [path.join(folder, 'long'), path.join(folder, 'short')]
    writeFileSync(long, 'correct horse battery staple\n')
    writeFileSync(short, 'hunter2\n')
    const file = await write({ passphraseFile: long })
    expect(await readAll(file, { passphraseFile: long })).toEqual(entries)
    await expect(write({ passphraseFile: short })).rejects.toThrow(/^(?!.*hunter2).*longer one/)
    await expect(write({ recipient: 'ssh-rsa AAAA' })).rejects.toThrow(/public key of age/)
    await expect(readAll(file, { passphraseFile: path.join(folder, 'none') })).rejects.toThrow(/cannot be read/)
  })
})
