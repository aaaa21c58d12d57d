import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../dev/testing/backups.ts'
import { loadOrCreateAuthSecret, loadOrCreateSecret } from '../platform/home/secret.ts'
import { exportKeys, importKeys } from './keys.ts'

test('The keys of a home go into a new file of mode 0600 and come out of it as they were', async () => {
  const [home, other, folder] = [temporaryFolder(), path.join(temporaryFolder(), 'home'), temporaryFolder()]
  const [runs, sessions] = [loadOrCreateSecret(home), loadOrCreateAuthSecret(home)]
  const file = path.join(folder, 'keys')
  expect(await exportKeys(home, file)).toEqual(['auth-secret', 'agent-jwt-secret'])
  expect(statSync(file).mode & 0o777).toBe(0o600)
  await expect(exportKeys(home, file)).rejects.toThrow(/exists/)
  expect(await importKeys(file, other)).toEqual(['auth-secret', 'agent-jwt-secret'])
  expect([loadOrCreateSecret(other), loadOrCreateAuthSecret(other)]).toEqual([runs, sessions])
  expect(statSync(path.join(other, 'auth-secret')).mode & 0o777).toBe(0o600)
  // A key that is there already stays, and is not written again.
  expect(await importKeys(file, other)).toEqual([])
})

test('A home with another key, a file that is none and a home without keys are refused, and nothing is written', async () => {
  const [home, other, folder] = [temporaryFolder(), temporaryFolder(), temporaryFolder()]
  const secret = loadOrCreateSecret(home)
  loadOrCreateAuthSecret(home)
  const file = path.join(folder, 'keys')
  await exportKeys(home, file)
  loadOrCreateSecret(other)
  await expect(importKeys(file, other)).rejects.toThrow(/has another agent-jwt-secret/)
  expect(existsSync(path.join(other, 'auth-secret'))).toBe(false)
  await expect(exportKeys(folder, path.join(folder, 'none'))).rejects.toThrow(/has no keys/)
  for (const text of ['', '{}', '{"paperclipKeys":1,"files":{"../../etc/passwd":"x"}}', readFileSync(file, 'utf8').slice(0, -20)]) {
    writeFileSync(path.join(folder, 'bad'), text)
    const problem = await importKeys(path.join(folder, 'bad'), temporaryFolder()).catch((error: Error) => error.message)
    expect(problem).toMatch(/is not a file of keys/)
    expect(problem).not.toContain(secret.slice(0, 8))
  }
})
