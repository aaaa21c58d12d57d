import { expect, test } from 'vitest'
import { z } from 'zod'
import { allEvents } from '../../../server/eventCatalogue.ts'
import { sentenceOf, sentences, sentenceText } from './sentences.ts'
import type { NameOf, SentenceRow } from './sentences.ts'

const names: NameOf = ({ id }) => ({ a1: 'Ada', p1: 'Ann', i1: 'ACM-12' })[id] ?? null

const row = (fields: Partial<SentenceRow>): SentenceRow => ({
  action: 'issue.created',
  actorType: 'user',
  actorId: 'p1',
  entityType: 'issue',
  entityId: 'i1',
  agentId: null,
  runId: null,
  details: {},
  ...fields,
})
const textOf = (fields: Partial<SentenceRow>): string => sentenceText(sentenceOf(row(fields)), names)

test('Every event of the server has a sentence, and no sentence is left of one that is gone', () => {
  expect(Object.keys(sentences).toSorted()).toEqual([...new Set(allEvents.map(({ action }) => action))].toSorted())
})

/** A value that fits a schema, made from its JSON schema. */
function sample(schema: Readonly<Record<string, unknown>>): unknown {
  const choices = schema['anyOf'] as Record<string, unknown>[] | undefined
  if (choices !== undefined) return sample(choices[0] ?? {})
  if (Array.isArray(schema['enum'])) return schema['enum'][0]
  if ('const' in schema) return schema['const']
  if (schema['type'] === 'string') return 'text'
  if (schema['type'] === 'number' || schema['type'] === 'integer') return 2
  if (schema['type'] === 'boolean') return true
  if (schema['type'] === 'array') return [sample((schema['items'] ?? {}) as Record<string, unknown>)]
  if (schema['type'] !== 'object') return 'text'
  const properties = (schema['properties'] ?? {}) as Record<string, Record<string, unknown>>
  return Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, sample(part)]))
}

test.each(allEvents.map((event) => [event.action, event] as const))(
  '%s makes a sentence from all details and from none',
  (action, event) => {
    const full = sample(z.toJSONSchema(event.details, { unrepresentable: 'any' }) as Record<string, unknown>) as Record<string, unknown>
    for (const details of [full, {}, null])
      for (const actorType of ['user', 'agent', 'system'] as const) {
        const text = textOf({ action, entityType: event.entityType, actorType, details })
        expect(text.length).toBeGreaterThan(8)
        expect(text).not.toMatch(/undefined|null|\[object|NaN/)
      }
  },
)

test.each([
  [
    'Ann force-released ACM-12, held by Ada with run r1, and cancelled 1 run and cleared the assignee: “hangs since lunch”',
    {
      action: 'issue.admin_force_release',
      details: {
        prevCheckoutRunId: 'r1',
        prevAssigneeAgentId: 'a1',
        cancelledRunIds: ['r1'],
        clearAssignee: true,
        reason: 'hangs since lunch',
      },
    },
  ],
  [
    'Ada took ACM-12 with run r1',
    { action: 'issue.checked_out', actorType: 'agent', actorId: 'a1', details: { agentId: 'a1', runId: 'r1' } },
  ],
  [
    'The board moved ACM-12 from todo to in progress, and assigned ACM-12 to Ada, and changed the priority of ACM-12',
    {
      action: 'issue.updated',
      actorId: 'local-board',
      details: {
        identifier: 'ACM-12',
        lockEpoch: 1,
        status: 'in_progress',
        assigneeAgentId: 'a1',
        priority: 'high',
        _previous: { status: 'todo' },
      },
    },
  ],
  [
    'The hold of run r1 on ACM-12 ended because the holder was dead',
    { action: 'issue.lock_cleared', actorType: 'system', actorId: 'server', details: { runId: 'r1', why: 'dead_holder' } },
  ],
  ['Ann changed the password', { action: 'person.password_changed', entityType: 'person', entityId: 'p1' }],
  ['Ann signed in', { action: 'person.signed_in', entityType: 'person', entityId: 'p1', details: { address: null } }],
  ['Ann did moon.landed to moon', { action: 'moon.landed', entityType: 'moon', entityId: 'm1' }],
] as const)('The sentence is: %s', (expected, fields) => {
  expect(textOf(fields as Partial<SentenceRow>)).toBe(expected)
})
