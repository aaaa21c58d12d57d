import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { useServer } from '../../dev/testing/world.ts'
import { createRunKey, publicKeyOf } from '../../auth/runKeySet.ts'
import { publicKeysPage } from './publicKeys.ts'

const server = useServer()

test('Under HS256 the set of public keys is empty, for everybody, and a cache may keep it', async () => {
  for (const client of [server().anonymous, server().board, server().bearer('no credential')]) {
    const answer = await client.get('/.well-known/jwks.json', { via: '1.1 proxy' })
    expect(answer).toMatchObject({
      status: 200,
      text: '{"keys":[]}',
      headers: { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=300', 'x-content-type-options': 'nosniff' },
    })
    expect(answer.headers['set-cookie']).toBeUndefined()
  }
})

test('The set cannot be changed, and a foreign host gets nothing of it', async () => {
  expect(await server().anonymous.post('/.well-known/jwks.json', {})).toMatchObject({
    status: 405,
    headers: { allow: 'GET, HEAD', 'cache-control': 'no-store' },
    body: { code: 'method_not_allowed' },
  })
  expect((await server().anonymous.get('/.well-known/jwks.json', { host: 'evil.example' })).status).toBe(403)
})

test('The answer has the public keys as they are at the time of the request, and HEAD the same length', async () => {
  const keys = [publicKeyOf(createRunKey(0))]
  const page = createServer(publicKeysPage({ publicKeys: () => keys }))
  await new Promise<void>((resolve) => void page.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void page.close())
  const url = `http://127.0.0.1:${(page.address() as { port: number }).port}/`
  expect(await (await fetch(url)).json()).toEqual({ keys })
  keys.push(publicKeyOf(createRunKey(0)))
  const text = await (await fetch(url)).text()
  expect(JSON.parse(text)).toEqual({ keys })
  expect((await fetch(url, { method: 'HEAD' })).headers.get('content-length')).toBe(String(text.length))
})
