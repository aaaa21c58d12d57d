import { beforeAll, describe, expect, test } from 'vitest'
import { declaredRoutes, namedRoutes } from '../dev/testing/declaredRoutes.ts'
import { bodySchema } from '../dev/testing/exampleRequests.ts'
import { useServer, world } from '../dev/testing/world.ts'
import type { World } from '../dev/testing/world.ts'

const server = useServer()
const board = () => server().board

let fixture: World
let issueId: string
beforeAll(async () => {
  fixture = await world(server())
  issueId = (await fixture.issue()).id
})

/** The longest text of each field, wherever it stands. */
const lengthsIn = (schema: object): number[] =>
  [...JSON.stringify(schema).matchAll(/"maxLength":(\d+)/g)].map(([, length]) => Number(length))

const withJson = declaredRoutes().filter(({ body, bodyKind }) => body !== undefined && bodyKind === 'json')

describe('the limit of a body', () => {
  test.each(namedRoutes(withJson))('%s takes its longest text, however it is escaped (K57)', (_, route) => {
    expect(route.bodyLimit).toBeGreaterThanOrEqual(Math.max(0, ...lengthsIn(bodySchema(route) ?? {})) * 6)
  })

  test('The longest details of a confirmation, one kind of interaction among several, are taken in every script (K57)', async () => {
    for (const character of ['a', '語', '\u0001']) {
      const payload = { prompt: 'Shall I?', detailsMarkdown: character.repeat(50_000) }
      const answer = await board().post(`/api/issues/${issueId}/interactions`, { kind: 'request_confirmation', payload })
      expect(answer.status, `${JSON.stringify(character)}: ${answer.text.slice(0, 300)}`).toBe(201)
    }
  })

  const inCompany = (path: string) => `/api/companies/${fixture.company.id}/${path}`
  const requests = {
    'description of a new issue': (text: string) => board().post(inCompany('issues'), { title: 'Long', description: text }),
    'description of an issue': (text: string) => board().patch(`/api/issues/${issueId}`, { description: text }),
    'comment of a change': (text: string) => board().patch(`/api/issues/${issueId}`, { comment: text }),
    comment: (text: string) => board().post(`/api/issues/${issueId}/comments`, { body: text }),
    'description of a child': (text: string) => board().post(`/api/issues/${issueId}/children`, { title: 'Long', description: text }),
  }
  test.each(Object.entries(requests))(
    'A %s of 199,999 characters is taken in every script, and one beyond the limit is not (K57)',
    async (_, send) => {
      for (const character of ['a', '語', '\u0001', 'é']) {
        const answer = await send(character.repeat(199_999))
        expect([200, 201], `${JSON.stringify(character)}: ${answer.text.slice(0, 300)}`).toContain(answer.status)
      }
      expect(await send('語'.repeat(200_001))).toMatchObject({ status: 400, body: { code: 'validation_failed' } })
      expect(await send('語'.repeat(1_000_000))).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    },
  )
})
