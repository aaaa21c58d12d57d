import { execFile } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { keptSecretVersion, loadOrCreateDatabasePasswords, loadOrCreateSecret, readKeptSecret, replaceSecretFile } from './secret.ts'

const run = promisify(execFile)
const script = `import { loadOrCreateSecret } from ${JSON.stringify(new URL('./secret.ts', import.meta.url).href)}; process.stdout.write(loadOrCreateSecret(process.argv[1]))`

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'paperclip-secret-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('loadOrCreateSecret', () => {
  test('The secret is created once, and the file and the home are readable only by their owner', () => {
    const home = path.join(folder, 'home')
    const created = loadOrCreateSecret(home)
    expect(created).toMatch(/^[\w-]{64}$/)
    expect(loadOrCreateSecret(home)).toBe(created)
    expect(readFileSync(path.join(home, 'agent-jwt-secret'), 'utf8')).toBe(`${created}\n`)
    expect((statSync(path.join(home, 'agent-jwt-secret')).mode & 0o777).toString(8)).toBe('600')
    expect((statSync(home).mode & 0o777).toString(8)).toBe('700')
    expect(readdirSync(home)).toEqual(['agent-jwt-secret'])
  })

  test('Two homes have different secrets', () => {
    expect(loadOrCreateSecret(path.join(folder, 'a'))).not.toBe(loadOrCreateSecret(path.join(folder, 'b')))
  })

  test('Processes that start at the same time use the same secret', async () => {
    const starts = Array.from({ length: 4 }, () =>
      run(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script, path.join(folder, 'home')]),
    )
    const secrets = (await Promise.all(starts)).map(({ stdout }) => stdout)
    expect(new Set(secrets).size).toBe(1)
    expect(secrets[0]).toMatch(/^[\w-]{64}$/)
  })

  test('A secret that other users can read is refused', () => {
    loadOrCreateSecret(folder)
    chmodSync(path.join(folder, 'agent-jwt-secret'), 0o644)
    expect(() => loadOrCreateSecret(folder)).toThrow(/0600/)
  })

  test('A link in the place of a secret is refused, also one to a file that would do', () => {
    const file = path.join(folder, 'agent-jwt-secret')
    loadOrCreateSecret(folder)
    renameSync(file, `${file}.elsewhere`)
    symlinkSync(`${file}.elsewhere`, file)
    expect(() => loadOrCreateSecret(folder)).toThrow(`${file} is a link`)
  })

  test('A home that other users can write is refused, because they could replace the secret', () => {
    loadOrCreateSecret(folder)
    for (const mode of [0o770, 0o707, 0o722]) {
      chmodSync(folder, mode)
      expect(() => loadOrCreateSecret(folder), mode.toString(8)).toThrow(`${folder} can be written by other users`)
    }
    chmodSync(folder, 0o750)
    loadOrCreateSecret(folder)
  })

  test.skipIf(process.getuid?.() !== 0)('A secret or a home of another account is refused (needs root, to change the owner)', () => {
    const file = path.join(folder, 'agent-jwt-secret')
    loadOrCreateSecret(folder)
    chownSync(file, 12_345, 12_345)
    expect(() => loadOrCreateSecret(folder)).toThrow(`${file} belongs to another account (uid 12345)`)
    chownSync(file, 0, 0)
    chownSync(folder, 12_345, 12_345)
    expect(() => loadOrCreateSecret(folder)).toThrow(`${folder} belongs to another account (uid 12345)`)
    // The passwords of the embedded database are the exception: root that starts on a user's home has that user's data there.
    const passwords = loadOrCreateDatabasePasswords(folder)
    expect(loadOrCreateDatabasePasswords(folder)).toEqual(passwords)
    expect(statSync(path.join(folder, 'database-password')).uid).toBe(12_345)
  })

  test('A secret that a person wrote into the file without thinking is refused', () => {
    writeFileSync(path.join(folder, 'agent-jwt-secret'), 'changeme'.repeat(8), { mode: 0o600 })
    expect(() => loadOrCreateSecret(folder)).toThrow(/agent-jwt-secret is too easy to guess/)
  })

  test('A file that is empty after a full disk is refused, and the message has its name', () => {
    const file = path.join(folder, 'agent-jwt-secret')
    writeFileSync(file, '', { mode: 0o600 })
    expect(() => loadOrCreateSecret(folder)).toThrow(`${file} is damaged`)
  })
})

describe('replaceSecretFile', () => {
  const NEXT = 'Vq3hT0cZ7sLxW2dYb9KfPn4RgJm6UeAo8iHt'

  test('A kept secret is replaced whole, with mode 0600 and nothing beside it', () => {
    const before = loadOrCreateSecret(folder)
    replaceSecretFile(folder, 'agent-jwt-secret', NEXT)
    expect(readKeptSecret(folder, 'agent-jwt-secret')).toBe(NEXT)
    expect(NEXT).not.toBe(before)
    expect((statSync(path.join(folder, 'agent-jwt-secret')).mode & 0o777).toString(8)).toBe('600')
    expect(readdirSync(folder)).toEqual(['agent-jwt-secret'])
  })

  test('A secret that is not there is null, and is made by its first replacement', () => {
    expect(readKeptSecret(path.join(folder, 'nowhere'), 'agent-jwt-secret')).toBeNull()
    expect(readKeptSecret(folder, 'agent-jwt-secret')).toBeNull()
    replaceSecretFile(folder, 'agent-jwt-secret', NEXT)
    expect(readKeptSecret(folder, 'agent-jwt-secret')).toBe(NEXT)
  })

  test('The version of a kept secret differs when it is made, replaced or written, and is the same while it is read', () => {
    const file = path.join(folder, 'agent-jwt-secret')
    const version = (): string => keptSecretVersion(folder, 'agent-jwt-secret')
    const versions = [version()]
    replaceSecretFile(folder, 'agent-jwt-secret', NEXT)
    versions.push(version())
    readKeptSecret(folder, 'agent-jwt-secret')
    expect(version()).toBe(versions[1])
    replaceSecretFile(folder, 'agent-jwt-secret', NEXT)
    versions.push(version())
    writeFileSync(file, `${NEXT}${NEXT}`)
    versions.push(version())
    expect(new Set(versions).size).toBe(4)
  })

  test('A secret that other users can read is refused by a reader that does not make one', () => {
    loadOrCreateSecret(folder)
    chmodSync(path.join(folder, 'agent-jwt-secret'), 0o640)
    expect(() => readKeptSecret(folder, 'agent-jwt-secret')).toThrow(/0600/)
  })

  test.skipIf(process.getuid?.() !== 0)(
    'Under root the new file belongs to the owner of the file before, else of the home (needs root)',
    () => {
      chownSync(folder, 12_345, 12_345)
      replaceSecretFile(folder, 'agent-jwt-secret', NEXT)
      expect(statSync(path.join(folder, 'agent-jwt-secret')).uid).toBe(12_345)
      chownSync(path.join(folder, 'agent-jwt-secret'), 23_456, 23_456)
      replaceSecretFile(folder, 'agent-jwt-secret', NEXT)
      expect(statSync(path.join(folder, 'agent-jwt-secret'))).toMatchObject({ uid: 23_456, gid: 23_456 })
    },
  )
})
