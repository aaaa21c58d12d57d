import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { useServer, world } from '../dev/testing/world.ts'

const server = useServer()
let path = ''
beforeAll(async () => {
  path = `/api/companies/${(await world(server())).company.id}/labels`
})

/** Sends the text of a body as it is. A text without `name` and `color` gets as far as the schema, which refuses it. */
const codeOf = async (text: string, type = 'application/json'): Promise<string> => {
  const answer = await fetch(`${server().url}${path}`, { method: 'POST', headers: { 'content-type': type }, body: text })
  return ((await answer.json()) as { code: string }).code
}

describe('the same key twice in a JSON body', () => {
  test.each([
    '{"name":"a","name":"b","color":"#123456"}',
    '{"name":"a","color":"#123456","extra":{"a":1,"b":[{"c":1,"c":1}]}}',
    '{"name":"a","n\\u0061me":"b","color":"#123456"}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
    '[{"a":1,"a":2}]',
  ])('%s is refused with 400', async (text) => {
    expect(await codeOf(text)).toBe('bad_request')
  })

  test('A body without it is read whatever its texts and keys are, and one is found wherever it stands', { timeout: 180_000 }, async () => {
    const key = fc.oneof(fc.constantFrom('a', 'a:b', '"', '\\', ':', '{"a":1', '__proto__', 'é', ','), fc.string({ maxLength: 5 }))
    const value = fc.letrec((tie) => ({
      any: fc.oneof({ depthSize: 'small' }, fc.string(), fc.integer(), fc.boolean(), tie('list'), tie('object')),
      list: fc.array(tie('any'), { maxLength: 3 }),
      object: fc.dictionary(key, tie('any'), { maxKeys: 3, noNullPrototype: true }),
    })).object
    await fc.assert(
      fc.asyncProperty(value, key, async (extra, twice) => {
        const inner = JSON.stringify(extra).replaceAll('\\u0000', '')
        expect(await codeOf(`{"extra":${inner}}`)).not.toBe('malformed_json')
        fc.pre((await codeOf(`{"extra":${inner}}`)) === 'validation_failed')
        const pair = `${JSON.stringify(twice)}:1`
        fc.pre((await codeOf(`{"extra":${inner},"more":{${pair}}}`)) === 'validation_failed')
        expect(await codeOf(`{"extra":${inner},"more":{${pair}, ${pair}}}`)).toBe('bad_request')
      }),
      { numRuns: 60 },
    )
  })

  test('JSON in another encoding than UTF-8, whose bytes would be counted wrongly, is refused with 415', async () => {
    expect(await codeOf('{"name":"a"}', 'application/json; charset=utf-16')).toBe('unsupported_media_type')
    expect(await codeOf('{"name":"a"}', 'application/json; charset=UTF-8')).toBe('validation_failed')
  })
})

test('A cursor in another form than its one base64url text is refused, and a run token likewise', async () => {
  const here = await world(server())
  for (let index = 0; index < 3; index += 1) await here.issue()
  const list = `/api/companies/${here.company.id}/issues?limit=1`
  const page = await fetch(`${server().url}${list}`)
  const cursor = /after=([\w-]+)/.exec(page.headers.get('link') ?? '')?.[1] ?? ''
  const codeWith = async (after: string) => (await server().board.get(`${list}&after=${encodeURIComponent(after)}`)).status
  expect(await codeWith(cursor)).toBe(200)
  for (const other of [`${cursor}=`, `${cursor}==`, `${cursor} `, `${cursor}.`, `\n${cursor}`])
    expect(await codeWith(other), other).toBe(400)
  const run = await here.run(await here.agent())
  const last = run.token.at(-1) ?? ''
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const place = alphabet.indexOf(last)
  // The last letter of 32 bytes has two bits that a decoder throws away: four letters mean the same bytes.
  const twins = Array.from(alphabet).filter((letter, index) => letter !== last && index >> 2 === place >> 2)
  expect(twins).toHaveLength(3)
  expect((await server().bearer(run.token).get('/api/agents/me')).status).toBe(200)
  for (const twin of twins)
    expect(
      (
        await server()
          .bearer(run.token.slice(0, -1) + twin)
          .get('/api/agents/me')
      ).status,
      twin,
    ).toBe(401)
  expect((await server().bearer(`${run.token}=`).get('/api/agents/me')).status).toBe(401)
})
