import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { createRunKey, readRunKeys, signingKey, writeRunKeys } from '../auth/runKeySet.ts'
import type { RunKey } from '../auth/runKeySet.ts'
import { compiled } from '../dev/testing/compiled.ts'
import { rotateRunKeysOnHost } from './rotateRunKeys.ts'

const root = path.resolve(import.meta.dirname, '../..')
const now = (): number => Math.floor(Date.now() / 1000)

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'paperclip-keys-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const keysIn = (home: string, name = 'agent-jwt-keys'): readonly RunKey[] => readRunKeys(readFileSync(path.join(home, name), 'utf8'))

test('The operator rotates the keys of a home without a server, and the new one signs after ten minutes', async () => {
  const home = temporaryFolder()
  const rotate = async (...args: string[]): Promise<string> => {
    const command = [await compiled('src/server/admin.ts'), 'rotate-run-keys', ...args]
    const env = { PATH: process.env['PATH'], PAPERCLIP_HOME: home }
    return (await promisify(execFile)(process.execPath, command, { cwd: root, encoding: 'utf8', env })).stdout
  }
  const first = await rotate()
  const [made] = keysIn(home)
  expect(first).toContain(`The key ${made?.kid} signs from `)
  expect(made?.signsFrom).toBeLessThanOrEqual(now())
  const second = await rotate()
  const keys = keysIn(home)
  expect(keys.map(({ kid }) => second.includes(kid))).toEqual([false, true])
  expect(signingKey(keys, now())?.kid).toBe(made?.kid)
  expect((keys[1]?.signsFrom ?? 0) - now()).toBeGreaterThan(500)
  expect((statSync(path.join(home, 'agent-jwt-keys')).mode & 0o777).toString(8)).toBe('600')
  for (const { d } of keys) expect(`${first}${second}`).not.toContain(d)
})

test('A key that is known to a stranger goes at once, with all that were there before', () => {
  const home = temporaryFolder()
  rotateRunKeysOnHost({}, home, undefined)
  rotateRunKeysOnHost({}, home, '60')
  const before = keysIn(home)
  rotateRunKeysOnHost({}, home, 'now')
  const [key, ...others] = keysIn(home)
  expect(others).toEqual([])
  expect(before.map(({ kid }) => kid)).not.toContain(key?.kid)
  expect(key?.signsFrom).toBeLessThanOrEqual(now())
})

test('Keys in a file that servers are given are rotated there, and the operator learns that servers must restart', () => {
  const home = temporaryFolder()
  const file = path.join(home, 'given')
  writeFileSync(file, writeRunKeys([createRunKey(0)]), { mode: 0o600 })
  expect(rotateRunKeysOnHost({ PAPERCLIP_AGENT_JWT_KEYS_FILE: file }, home, '120')).toContain('restart them before that time')
  expect(keysIn(home, 'given')).toHaveLength(2)
  expect(existsSync(path.join(home, 'agent-jwt-keys'))).toBe(false)
})

test('A rotation that cannot be done ends with one sentence, and changes nothing', () => {
  const home = temporaryFolder()
  const file = path.join(home, 'agent-jwt-keys')
  for (const argument of ['soon', '-1', '1.5', '', '10081'])
    expect(() => rotateRunKeysOnHost({}, home, argument), argument).toThrow('takes now, or a number of minutes')
  expect(() => rotateRunKeysOnHost({ PAPERCLIP_AGENT_JWT_KEYS: writeRunKeys([createRunKey(0)]) }, home, 'now')).toThrow('cannot be changed')
  expect(existsSync(file)).toBe(false)
  const text = writeRunKeys([createRunKey(0)])
  writeFileSync(file, text, { mode: 0o644 })
  chmodSync(file, 0o644)
  expect(() => rotateRunKeysOnHost({}, home, undefined)).toThrow(/cannot be read: .*0600/)
  chmodSync(file, 0o600)
  writeFileSync(file, text.replace('Ed25519', 'Ed448'))
  expect(() => rotateRunKeysOnHost({}, home, undefined)).toThrow(/cannot be read: keys\.0\.crv/)
  writeFileSync(file, writeRunKeys(Array.from({ length: 64 }, () => createRunKey(now() + 60))))
  expect(() => rotateRunKeysOnHost({}, home, undefined)).toThrow('more than 64 keys')
  expect(keysIn(home)).toHaveLength(64)
})
