import { decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import { openRunKeys } from './runKeys.ts'
import { createRunKey, rotateRunKeys, writeRunKeys } from './runKeySet.ts'
import type { RunKey } from './runKeySet.ts'
import { createRunTokens } from './runTokens.ts'
import type { RunTokens } from './runTokens.ts'

const SECRET = 'the secret of run tokens, which both servers have'
const run = { agentId: 'agent', companyId: 'company', adapterType: 'process', runId: 'run' }
const now = (): number => Math.floor(Date.now() / 1000)

/** A file of keys that several servers read. */
function sharedFile() {
  const file: { text: string | null; readonly problems: unknown[]; open: (algorithm?: 'HS256' | 'EdDSA') => Promise<RunTokens> } = {
    text: null,
    problems: [],
    open: async (algorithm = 'EdDSA') =>
      await createRunTokens({
        secret: SECRET,
        algorithm,
        runKeys: await openRunKeys({ read: () => file.text, version: () => file.text ?? '' }, (error) => file.problems.push(error)),
        ttlSeconds: 60,
        issuer: 'paperclip',
        audience: 'paperclip-api',
      }),
  }
  return file
}

const signed = async (tokens: RunTokens): Promise<string> => (await tokens.sign(run)).token
const isValid = async (tokens: RunTokens, token: string): Promise<boolean> => (await tokens.verify(token)) !== null

describe('keys that servers of one home share', () => {
  test('A server that has not read a new key yet looks for it when a token names it', async () => {
    const file = sharedFile()
    const first: readonly RunKey[] = [createRunKey(0)]
    file.text = writeRunKeys(first)
    const one = await file.open()
    const before = await signed(one)
    file.text = writeRunKeys(rotateRunKeys(first, createRunKey(now()), now()))
    const other = await file.open()
    const after = await signed(other)
    expect([await isValid(one, after), await isValid(one, before), await isValid(other, before)]).toEqual([true, true, true])
    expect((await one.readKeyIds()).signing).toBe((await other.readKeyIds()).signing)
  })

  test('Requests that bring a new key at the same time wait for one look, and none is refused', async () => {
    const file = sharedFile()
    file.text = writeRunKeys([createRunKey(0)])
    const one = await file.open()
    file.text = writeRunKeys([createRunKey(0)])
    const token = await signed(await file.open())
    const answers = await Promise.all(Array.from({ length: 20 }, () => isValid(one, token)))
    expect(answers).toEqual(Array.from({ length: 20 }, () => true))
  })

  test('A stranger who names keys that do not exist makes a server read none, unless they have changed', async () => {
    let [reads, version] = [0, 'first']
    const text = writeRunKeys([createRunKey(0)])
    const read = (): string => {
      reads += 1
      return text
    }
    const keys = await openRunKeys({ read, version: () => version }, () => {})
    await Promise.all(Array.from({ length: 50 }, () => keys.lookAgain()))
    expect(reads).toBe(1)
    version = 'second'
    await Promise.all(Array.from({ length: 50 }, () => keys.lookAgain()))
    expect(reads).toBe(2)
  })

  test('A look that cannot ask whether the keys changed reports it once and refuses nothing that was valid', async () => {
    const problems: unknown[] = []
    const problem = new Error('the home is gone')
    let isGone = false
    const version = (): string => {
      if (isGone) throw problem
      return 'first'
    }
    const key = createRunKey(0)
    const keys = await openRunKeys({ read: () => writeRunKeys([key]), version }, (error) => problems.push(error))
    isGone = true
    await keys.lookAgain()
    await keys.lookAgain()
    expect(problems).toEqual([problem])
    expect(keys.find(key.kid, now())).not.toBeNull()
  })

  test('A token of a new key is valid, although a stranger has just made the server look for another', async () => {
    const file = sharedFile()
    const first: readonly RunKey[] = [createRunKey(0)]
    file.text = writeRunKeys(first)
    const one = await file.open()
    const [header, payload, signature] = (await signed(one)).split('.')
    const unknown = Buffer.from(JSON.stringify({ ...decodeProtectedHeader(`${header}..`), kid: 'unknown' })).toString('base64url')
    expect(await isValid(one, [unknown, payload, signature].join('.'))).toBe(false)
    file.text = writeRunKeys(rotateRunKeys(first, createRunKey(now()), now()))
    expect(await isValid(one, await signed(await file.open()))).toBe(true)
  })

  test('A server of HS256 that starts first accepts the tokens of one that changes to EdDSA, and publishes nothing', async () => {
    const file = sharedFile()
    const old = await file.open('HS256')
    file.text = writeRunKeys([createRunKey(0)])
    const changed = await file.open()
    expect(await isValid(old, await signed(changed))).toBe(true)
    expect(await isValid(changed, await signed(old))).toBe(true)
    expect([old.publicKeys(), changed.publicKeys().length]).toEqual([[], 1])
    expect(await old.readKeyIds()).toEqual({ signing: null, verifying: (await changed.readKeyIds()).verifying })
  })

  test('Keys that cannot be read again stay in use, which is reported once', async () => {
    const file = sharedFile()
    file.text = writeRunKeys([createRunKey(0)])
    const tokens = await file.open()
    const token = await signed(tokens)
    for (const text of ['{"keys":[]}', 'x', null]) {
      file.text = text
      await tokens.readKeyIds()
    }
    expect(await isValid(tokens, token)).toBe(true)
    expect(await isValid(tokens, await signed(tokens))).toBe(true)
    expect(file.problems).toHaveLength(1)
  })

  test('EdDSA without a key to sign with does not begin', async () => {
    await expect(sharedFile().open()).rejects.toThrow('no key signs run tokens')
  })
})
