import { describe, expect, test } from 'vitest'
import { secretProviders } from '../../../model/secrets.ts'
import type { SecretUsage } from '../../api/types.ts'
import { pinnedOf, providerWords, usersOf, usersWords } from './words.ts'

type Use = SecretUsage['uses'][number]

const usedBy = (kind: Use['kind'], id: string, path: string, version: Use['version'] = 'latest'): Use => ({
  kind,
  id,
  name: id,
  path,
  version,
})

const uses = [
  usedBy('agent', 'ada', 'env.KEY'),
  usedBy('project', 'site', 'env.KEY', 2),
  usedBy('agent', 'ada', 'headers.Authorization', 1),
]

describe('the words about secrets', () => {
  test('One that uses a secret in two fields stands once, with both fields', () => {
    expect(usersOf(uses)).toEqual([
      {
        kind: 'agent',
        id: 'ada',
        name: 'ada',
        fields: [
          { path: 'env.KEY', version: 'latest' },
          { path: 'headers.Authorization', version: 1 },
        ],
      },
      { kind: 'project', id: 'site', name: 'site', fields: [{ path: 'env.KEY', version: 2 }] },
    ])
    expect(pinnedOf(uses).map(({ id, version }) => [id, version])).toEqual([
      ['site', 2],
      ['ada', 1],
    ])
  })

  test('Users are counted by their kind, and a list that is cut says that there are more', () => {
    expect(usersWords(usersOf(uses))).toBe('1 agent and 1 project')
    expect(usersWords([{ kind: 'agent' }, { kind: 'agent' }], true)).toBe('2 agents, and more')
    expect(usersWords([])).toBe('nothing')
  })

  test('Every provider of the server has words, and an unknown one its own name', () => {
    for (const provider of secretProviders) expect(providerWords(provider)).not.toBe(provider.replaceAll('_', ' '))
    expect(providerWords('hardware_module')).toBe('hardware module')
  })
})
