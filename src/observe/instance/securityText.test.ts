import { expect, test } from 'vitest'
import { useServer } from '../../dev/testing/world.ts'
import { securityText } from './securityText.ts'

const server = useServer()

test('The file names the contact of the operator and a time after which it is not valid (RFC 9116)', () => {
  const text = securityText('mailto:security@example.com', Date.UTC(2026, 0, 1))
  expect(text).toBe('Contact: mailto:security@example.com\nExpires: 2026-01-31T00:00:00.000Z\nPreferred-Languages: en\n')
})

test('Without a contact the file says where the reader finds one', async () => {
  const answer = await server().board.get('/.well-known/security.txt', { via: '1.1 proxy' })
  expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' } })
  expect(answer.text).toContain('SECURITY.md')
  expect(answer.text).not.toContain('\nContact:')
})
