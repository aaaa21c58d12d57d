import fc from 'fast-check'
import { expect, test } from 'vitest'
import { envNamesOf, sanitizeConfig } from './sanitizeConfig.ts'

test('The names of environments that a preview shows are those that an export finds, whatever the configuration is', () => {
  const key = fc.constantFrom('env', 'ENV', 'a', 'token', 'credentials', 'type', 'value')
  const leaf = fc.constantFrom<unknown>('x', '', null, 1, true, 'plain', 'secret_ref', 'pcp_0123456789abcdef', [{ env: { A: 'x' } }])
  const { config } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 5 }, leaf, tie('config')),
    config: fc.dictionary(key, tie('value'), { maxKeys: 4 }),
  }))
  fc.assert(
    fc.property(config, (value) => {
      const given = value as Readonly<Record<string, unknown>>
      expect(envNamesOf(given)).toEqual(sanitizeConfig(given).env.map(({ key: name, kind }) => ({ key: name, kind })))
    }),
    { numRuns: 3000 },
  )
})
