import { describe, expect, test } from 'vitest'
import { draftOf, editableFrom, editedBy, faultsOf, mergeDraft, patchOf, withType } from './configuration.ts'
import type { Editable } from './configuration.ts'

const base: Editable = {
  name: 'Ada',
  role: 'engineer',
  title: null,
  reportsTo: null,
  capabilities: '',
  budgetMonthlyCents: 1250,
  adapterType: 'process',
  adapterConfig: { command: 'node', env: { TOKEN: { type: 'plain', value: '***REDACTED***' } }, other: 1 },
  runtimeConfig: { heartbeat: { intervalSec: 300, cooldownSec: 5 }, kept: true },
}

describe('the configuration of an agent', () => {
  test('A form that was not touched changes nothing', () => {
    expect(patchOf(base, editedBy(draftOf(base), base))).toBeNull()
    const bare: Editable = { ...base, adapterConfig: {}, runtimeConfig: {} }
    expect(patchOf(bare, editedBy(draftOf(bare), bare))).toBeNull()
  })

  test('Only what differs is sent, and the configuration of the adapter whole, with its covered values', () => {
    const draft = { ...draftOf(base), title: 'Back end', budget: '20', timerEnabled: false, intervalSec: '60' }
    const values = { ...draft.values, command: 'deno' }
    expect(patchOf(base, editedBy({ ...draft, values }, base))).toEqual({
      title: 'Back end',
      budgetMonthlyCents: 2000,
      adapterConfig: { command: 'deno', env: base.adapterConfig['env'], other: 1 },
      replaceAdapterConfig: true,
      runtimeConfig: { heartbeat: { enabled: false, intervalSec: 60, cooldownSec: 5 }, kept: true },
    })
  })

  test('Another type of adapter keeps the fields that both have, and the way back loses nothing', () => {
    const other = withType(draftOf(base), base, 'claude_local')
    expect(editedBy(other, base).adapterConfig).toEqual({ command: 'node', env: base.adapterConfig['env'] })
    expect(patchOf(base, editedBy(withType(other, base, 'process'), base))).toBeNull()
  })

  test('Faults name what keeps a draft from being saved', () => {
    expect(faultsOf(draftOf(base))).toEqual([])
    expect(faultsOf({ ...draftOf(base), name: ' ', budget: 'ten' })).toHaveLength(2)
  })

  test('After a change by another operator a draft keeps its own changes, and takes those of the other', () => {
    const before = draftOf(base)
    const fresh = draftOf({ ...base, title: 'Front end', adapterConfig: { ...base.adapterConfig, cwd: '/srv' } })
    const mine = { ...before, budget: '30', values: { ...before.values, command: 'deno' } }
    const merged = mergeDraft(mine, before, fresh)
    expect(merged).toMatchObject({ title: 'Front end', budget: '30' })
    expect(merged.values).toMatchObject({ command: 'deno', cwd: '/srv' })
  })

  test('A text is a configuration when it has every field and no other', () => {
    expect(editableFrom(JSON.stringify(base))).toEqual({ editable: base })
    expect(editableFrom('{')).toMatchObject({ fault: expect.stringContaining('This is not JSON') as string })
    expect(editableFrom('[]')).toEqual({ fault: 'An object is expected: { … }' })
    expect(editableFrom(JSON.stringify({ ...base, status: 'idle' }))).toEqual({ fault: 'No field of a configuration: status' })
    expect(editableFrom('{"name":"Ada"}')).toMatchObject({ fault: expect.stringContaining('Missing: role') as string })
  })
})
