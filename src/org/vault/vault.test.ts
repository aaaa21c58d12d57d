import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { TEST_BOARD_TOKEN, TEST_MASTER_KEY, lastAudit, useServer, world } from '../../dev/testing/world.ts'
import type { TestServer } from '../../dev/testing/world.ts'
import { event } from '../../platform/kernel/event.ts'
import { changed, mutate } from '../../platform/db/mutate.ts'
import { z } from 'zod'
import { openBytes, sealBytes } from './frames.ts'
import { createMasterKey, readMasterKeys, useMasterKeys, writeMasterKeys } from './masterKeys.ts'
import { openValue, sealValue } from './seal.ts'
import type { Sealed } from './seal.ts'
import { openVault } from './state.ts'

const server = useServer()
const sealedForTest = event('test.sealed', 'instance', z.object({}))

const seal = async ({ store }: TestServer, companyId: string, purpose: string, value: string): Promise<Sealed> =>
  await mutate({ actor: { kind: 'system', task: 'scheduler' }, companyId, requestId: null, store, idempotency: null }, async (tx) =>
    changed(await sealValue(tx, companyId, purpose, value), sealedForTest('x', {})),
  )

/** A file of master keys, in memory. */
function keyFile(text: string) {
  const file = { text }
  useMasterKeys({ read: () => file.text, write: (keys) => void (file.text = writeMasterKeys(keys)) })
  return file
}

const rotate = () => server().bearer(TEST_BOARD_TOKEN).post('/api/instance/secrets/rotate-master-key', {})

describe('sealed bytes', () => {
  test('They open with the same key and purpose, and with no other and after no change', () => {
    const key = randomBytes(32)
    const sealed = sealBytes(key, 'a', Buffer.from('words'))
    expect(openBytes(key, 'a', sealed)?.toString()).toBe('words')
    expect(openBytes(key, 'b', sealed)).toBeNull()
    expect(openBytes(randomBytes(32), 'a', sealed)).toBeNull()
    for (let at = 0; at < sealed.length; at += 1) {
      const changedBytes = Buffer.from(sealed)
      changedBytes[at] = (changedBytes[at] ?? 0) ^ 1
      expect(openBytes(key, 'a', changedBytes), String(at)).toBeNull()
    }
    for (let length = 0; length < sealed.length; length += 1) expect(openBytes(key, 'a', sealed.subarray(0, length))).toBeNull()
  })
})

describe('master keys', () => {
  test('They are read as base64 and hexadecimal, one or more, and a weak or short one is refused without its text', () => {
    const [one, two] = [createMasterKey(), randomBytes(32).toString('hex')]
    expect(readMasterKeys(`${one}, ${two}`).map(({ bytes }) => bytes.toString('base64url'))).toEqual([
      one,
      Buffer.from(two, 'hex').toString('base64url'),
    ])
    expect(readMasterKeys(randomBytes(32).toString('base64'))).toHaveLength(1)
    for (const bad of ['', 'short', 'A'.repeat(43), '0'.repeat(64), Array.from({ length: 9 }, createMasterKey).join()]) {
      expect(() => readMasterKeys(bad)).toThrow()
      if (bad !== '') expect(() => readMasterKeys(bad)).not.toThrow(bad)
    }
  })
})

describe('the vault', () => {
  test('A sealed value opens for its company and purpose only', async () => {
    const [here, elsewhere] = [await world(server()), await world(server())]
    const sealed = await seal(server(), here.company.id, 'secret:1', 'words')
    expect(await openValue(server().store, here.company.id, 'secret:1', sealed)).toBe('words')
    await expect(openValue(server().store, here.company.id, 'secret:2', sealed)).rejects.toMatchObject({ code: 'vault_locked' })
    await expect(openValue(server().store, elsewhere.company.id, 'secret:1', sealed)).rejects.toMatchObject({ code: 'vault_locked' })
    const other = await seal(server(), elsewhere.company.id, 'secret:1', 'words')
    await expect(openValue(server().store, here.company.id, 'secret:1', { ...sealed, keyId: other.keyId })).rejects.toMatchObject({
      code: 'vault_locked',
    })
  })

  test('Values that are sealed at once for a new company have one data key', async () => {
    const { company } = await world(server())
    const sealed = await Promise.all(Array.from({ length: 8 }, (_, at) => seal(server(), company.id, `secret:${at}`, 'words')))
    expect(new Set(sealed.map(({ keyId }) => keyId)).size).toBe(1)
    for (const [at, each] of sealed.entries()) expect(await openValue(server().store, company.id, `secret:${at}`, each)).toBe('words')
  })

  test('A server with another master key is refused with a sentence for the operator', async () => {
    const { company } = await world(server())
    await seal(server(), company.id, 'secret:1', 'words')
    keyFile(createMasterKey())
    await expect(openVault(server().store)).rejects.toThrow(/is not the one of this database.*PAPERCLIP_SECRETS_MASTER_KEY_FILE/)
    keyFile(TEST_MASTER_KEY)
    await expect(openVault(server().store)).resolves.toBeUndefined()
  })
})

describe('the rotation of the master key', () => {
  test('While secrets are written, every value still opens, the file has the new key alone, and the old ones open nothing', async () => {
    const file = keyFile(TEST_MASTER_KEY)
    const { company } = await world(server())
    const sealed: { companyId: string; at: string; value: Sealed }[] = []
    const old: string[] = []
    await seal(server(), company.id, 'secret:first', 'words')
    for (let round = 0; round < 4; round += 1) {
      old.push(file.text)
      const writing = Array.from({ length: 6 }, async () => {
        const { company: next } = await world(server())
        const at = `secret:${randomUUID()}`
        sealed.push({ companyId: next.id, at, value: await seal(server(), next.id, at, 'words') })
      })
      const [answer] = await Promise.all([rotate(), ...writing])
      expect(answer.status, answer.text).toBe(200)
      expect(readMasterKeys(file.text).map(({ id }) => id)).toEqual([answer.body.masterKeyId])
      expect((await lastAudit(server(), 'vault', 'instance.master_key_rotated')).details).toMatchObject({
        masterKeyId: answer.body.masterKeyId,
      })
      expect(answer.text).not.toContain(file.text)
    }
    for (const { companyId, at, value } of sealed) expect(await openValue(server().store, companyId, at, value)).toBe('words')
    const { rows } = await server().database.sql.query<{ id: string; companyId: string; wrapped: Buffer; masterKeyId: string }>(
      'select id, company_id as "companyId", wrapped, master_key_id as "masterKeyId" from company_data_keys',
    )
    const [present] = readMasterKeys(file.text)
    for (const { id, companyId, wrapped, masterKeyId } of rows) {
      expect(masterKeyId).toBe(present?.id)
      expect(openBytes(present?.bytes ?? Buffer.alloc(32), `data-key:${companyId}:${id}`, wrapped)).not.toBeNull()
      for (const key of old.flatMap((text) => readMasterKeys(text)))
        expect(openBytes(key.bytes, `data-key:${companyId}:${id}`, wrapped)).toBeNull()
    }
    await expect(openVault(server().store)).resolves.toBeUndefined()
  })

  test('Two rotations at once leave one key, which opens everything', async () => {
    const { company } = await world(server())
    const present = await server().database.sql.query<{ id: string }>('select master_key_id as id from vault_state')
    expect(present.rows).toHaveLength(1)
    const sealed = await seal(server(), company.id, 'secret:1', 'words')
    for (const answer of await Promise.all([rotate(), rotate(), rotate()])) expect(answer.status, answer.text).toBe(200)
    expect(await openValue(server().store, company.id, 'secret:1', sealed)).toBe('words')
    await expect(openVault(server().store)).resolves.toBeUndefined()
  })

  test('Only the token of the board rotates, and a key in a variable is replaced by the operator', async () => {
    expect((await server().board.post('/api/instance/secrets/rotate-master-key', {})).status).toBe(403)
  })
})
