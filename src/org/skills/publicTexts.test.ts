import { describe, expect, test } from 'vitest'
import { adapterTypes } from '../../model/adapterTypes.ts'
import { adapterConfigs } from '../../adapters/index.ts'
import { declaredRoutes } from '../../dev/testing/declaredRoutes.ts'
import { useServer, world } from '../../dev/testing/world.ts'
import { builtInSkills } from './builtIn.ts'
import { configurationText } from './configurationText.ts'

const server = useServer()
const names = ['paperclip', 'paperclip-create-agent', 'paperclip-create-plugin', 'para-memory-files']

/** The endpoints that a text names: a method and a path, or a path below `/api` or `/llms` alone. */
function endpointsIn(text: string): { method: string | null; path: string }[] {
  return [...text.matchAll(/(?:\b(GET|POST|PUT|PATCH|DELETE) "?)?(\/(?:api|llms)\/[\w$:<>./-]*[\w>])/g)].map(([, method, path = '']) => ({
    method: method ?? null,
    path,
  }))
}

const routes = [
  ...declaredRoutes().map(({ method, path }) => ({ method: method.toUpperCase(), path })),
  { method: 'GET', path: '/api/openapi.json' },
]

/** Whether a path of a text is that of a declared route. Its parameters may have other names, or be variables of a shell. */
function isDeclared({ method, path }: { method: string | null; path: string }): boolean {
  const parts = path.split('/')
  return routes.some((route) => {
    const wanted = route.path.split('/')
    return (
      (method === null || route.method === method) &&
      wanted.length === parts.length &&
      wanted.every((part, at) => part === parts[at] || (part.startsWith(':') && /^(?::\w+|<\w+>|\$\w+)(?:\.txt)?$/.test(parts[at] ?? '')))
    )
  })
}

describe('the texts for agents', () => {
  test.each([
    ...names.map((name) => [name, () => builtInSkills.get(name) ?? ''] as const),
    ['the configuration', configurationText] as const,
  ])('Every endpoint that %s names is one of this server', (_, read) => {
    const named = endpointsIn(read())
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((each) => !isDeclared(each))).toEqual([])
  })

  test('The check of endpoints finds one that does not exist', () => {
    expect(endpointsIn('`GET /api/plugins/:id` and POST /api/issues/:id/checkout').map(isDeclared)).toEqual([false, true])
    expect(endpointsIn('call GET "/api/issues/$PAPERCLIP_TASK_ID/nothing"').map(isDeclared)).toEqual([false])
  })

  test('A caller without a credential reads them, in the types that clients expect', async () => {
    const { anonymous } = server()
    const available = await anonymous.get('/api/skills/available')
    expect(available).toMatchObject({ status: 200 })
    expect(available.body.skills.map((skill: { name: string }) => skill.name)).toEqual(names)
    for (const { description, isPaperclipManaged } of available.body.skills) {
      expect(description.length).toBeGreaterThan(20)
      expect(isPaperclipManaged).toBe(true)
    }
    const index = await anonymous.get('/api/skills/index')
    expect(index.body.skills).toEqual(names.map((name) => ({ name, path: `/api/skills/${name}` })))
    for (const name of names) {
      const answer = await anonymous.get(`/api/skills/${name}`)
      expect(answer.status).toBe(200)
      expect(answer.headers['content-type']).toBe('text/markdown; charset=utf-8')
      expect(answer.text).toBe(builtInSkills.get(name))
    }
    expect(await anonymous.get('/api/skills/nothing')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })

  test('The skill of every agent costs less than 1,200 words', () => {
    expect((builtInSkills.get('paperclip') ?? '').split(/\s+/).length).toBeLessThan(1200)
  })

  test('An agent that creates agents and the board read what there is to configure, and other agents do not', async () => {
    const here = await world(server())
    const creator = await here.agent({ permissions: { canCreateAgents: true } })
    const worker = await here.agent()
    for (const path of ['/llms/agent-configuration.txt', '/llms/agent-icons.txt', '/llms/agent-configuration/process.txt']) {
      for (const client of [server().board, creator.client]) {
        const answer = await client.get(path)
        expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8'])
      }
      expect(await worker.client.get(path)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
      expect((await server().bearer('pcp_nothing').get(path)).status).toBe(401)
    }
    expect(await server().board.get('/llms/agent-configuration/nothing.txt')).toMatchObject({ status: 404 })
  })

  test('The text of every adapter names every field of its configuration', async () => {
    const general = (await server().board.get('/llms/agent-configuration.txt')).text
    for (const type of adapterTypes) {
      const { text } = await server().board.get(`/llms/agent-configuration/${type}.txt`)
      for (const field of Object.keys(adapterConfigs[type].shape)) expect(text).toContain(`- ${field} (`)
      expect(general).toContain(`- ${type}: `)
    }
  })

  test('An invitation names the list of skills', async () => {
    const here = await world(server())
    const made = await server().board.post(`/api/companies/${here.company.id}/invites`, { allowedJoinTypes: 'agent' })
    const { body } = await server().anonymous.get(`/api/invites/${made.body.token}`)
    expect(body).toMatchObject({
      skillIndexPath: '/api/skills/index',
      skillIndexUrl: expect.stringMatching(/^http.*\/api\/skills\/index$/),
    })
    const { body: steps } = await server().anonymous.get(`/api/invites/${made.body.token}/onboarding`)
    expect(steps.onboarding.skill).toEqual({ name: 'paperclip', path: '/api/skills/paperclip' })
  })
})
