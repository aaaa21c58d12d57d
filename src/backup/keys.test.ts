import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { emptyTarget, restoreInto, takeBackup, temporaryFolder } from '../dev/testing/backups.ts'
import { useServer, world } from '../dev/testing/world.ts'
import { fingerprintOf, SESSIONS_PURPOSE } from '../platform/home/fingerprint.ts'
import { loadOrCreateAuthSecret, loadOrCreateSecret, loadOrCreateSecretFile, replaceSecretFile } from '../platform/home/secret.ts'
import { exportKeys, putKeys, readKeys } from './keys.ts'

const server = useServer()
const nothingInUse = { auditKeyIds: [], sessionFingerprints: [] }
const newMasterKey = (): string => randomBytes(32).toString('base64url')

describe('the keys of a home', () => {
  test('They go into a new file of mode 0600 and come out of it as they were', async () => {
    const [home, other, folder] = [temporaryFolder(), path.join(temporaryFolder(), 'home'), temporaryFolder()]
    const [master, sessions] = [loadOrCreateSecretFile(home, 'secrets-master-key', newMasterKey), loadOrCreateAuthSecret(home)]
    const file = path.join(folder, 'keys')
    expect(await exportKeys(home, file)).toEqual(['secrets-master-key', 'auth-secret'])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await expect(exportKeys(home, file)).rejects.toThrow(/exists/)
    const keys = await readKeys(file, other)
    expect(existsSync(other)).toBe(false)
    expect(await putKeys(keys, other, nothingInUse)).toEqual({ put: ['secrets-master-key', 'auth-secret'], leftOut: [] })
    expect([loadOrCreateSecretFile(other, 'secrets-master-key', newMasterKey), loadOrCreateAuthSecret(other)]).toEqual([master, sessions])
    expect(statSync(path.join(other, 'auth-secret')).mode & 0o777).toBe(0o600)
    // A key that is there already stays, and is not written again.
    expect(await putKeys(await readKeys(file, other), other, nothingInUse)).toEqual({ put: [], leftOut: [] })
  })

  test('A home with another key, a file that is none and a home without keys are refused, and nothing is written', async () => {
    const [home, other, folder] = [temporaryFolder(), temporaryFolder(), temporaryFolder()]
    const secret = loadOrCreateAuthSecret(home)
    loadOrCreateSecretFile(home, 'secrets-master-key', newMasterKey)
    const file = path.join(folder, 'keys')
    await exportKeys(home, file)
    loadOrCreateAuthSecret(other)
    await expect(readKeys(file, other)).rejects.toThrow(/has another auth-secret/)
    expect(existsSync(path.join(other, 'secrets-master-key'))).toBe(false)
    await expect(exportKeys(folder, path.join(folder, 'none'))).rejects.toThrow(/has no keys/)
    for (const text of ['', '{}', '{"paperclipKeys":1,"files":{"../../etc/passwd":"x"}}', readFileSync(file, 'utf8').slice(0, -20)]) {
      writeFileSync(path.join(folder, 'bad'), text)
      const problem = await readKeys(path.join(folder, 'bad'), temporaryFolder()).catch((error: Error) => error.message)
      expect(problem).toMatch(/is not a file of keys/)
      expect(problem).not.toContain(secret.slice(0, 8))
    }
  })

  test('The token of the board and keys of run tokens of an old file are never put into a home, nor a key that was rotated', async () => {
    const [home, folder] = [temporaryFolder(), temporaryFolder()]
    const [runs, sessions] = [loadOrCreateSecret(temporaryFolder()), loadOrCreateAuthSecret(temporaryFolder())]
    const file = path.join(folder, 'old.keys')
    const files = { 'agent-jwt-secret': runs, 'agent-jwt-keys': runs, 'board-token': runs, 'auth-secret': sessions }
    writeFileSync(file, JSON.stringify({ paperclipKeys: 1, files }))
    const rotated = { auditKeyIds: [], sessionFingerprints: [fingerprintOf(loadOrCreateAuthSecret(temporaryFolder()), SESSIONS_PURPOSE)] }
    expect(await putKeys(await readKeys(file, home), home, rotated)).toEqual({
      put: [],
      leftOut: ['auth-secret', 'agent-jwt-secret', 'agent-jwt-keys', 'board-token'],
    })
    const same = { auditKeyIds: [], sessionFingerprints: [fingerprintOf(sessions, SESSIONS_PURPOSE)] }
    expect((await putKeys(await readKeys(file, home), home, same)).put).toEqual(['auth-secret'])
    for (const name of ['agent-jwt-secret', 'agent-jwt-keys', 'board-token']) expect(existsSync(path.join(home, name)), name).toBe(false)
  })

  test('A restore with a master key that was rotated is refused before anything ends, and the home gets nothing', async () => {
    const w = await world(server())
    const created = await server().board.post(`/api/companies/${w.company.id}/secrets`, { name: 'token', value: 'a value to seal' })
    expect(created.status).toBe(201)
    const backup = await takeBackup(server())
    const [source, home, folder] = [temporaryFolder(), path.join(temporaryFolder(), 'home'), temporaryFolder()]
    mkdirSync(home, { mode: 0o700 })
    replaceSecretFile(source, 'secrets-master-key', newMasterKey())
    const file = path.join(folder, 'keys')
    await exportKeys(source, file)
    const target = await emptyTarget()
    const keys = { keys: await readKeys(file, home), home }
    await expect(restoreInto(target, backup.file, { keys })).rejects.toThrow(/does not open the secrets of this backup/)
    expect(existsSync(path.join(home, 'secrets-master-key'))).toBe(false)
    const { rows } = await target.sql.query("select 1 from activity_log where action = 'instance.restored'")
    expect(rows).toEqual([])
    expect(await restoreInto(target, backup.file)).toMatchObject({ putKeys: [], leftOutKeys: [] })
  })
})
