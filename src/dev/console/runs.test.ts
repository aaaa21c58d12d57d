// The runs in the console: the list, and one run with a real process whose log arrives live.

import { appendFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { createLogWriter } from '../../engine/runs/index.ts'
import { createLog } from '../../platform/kernel/log.ts'
import { faultsOf, hasChromium } from '../testing/browser.ts'
import { createOutputFile, createProcessAgent, useRunner } from '../testing/runner.ts'
import { pollFor } from '../testing/serverProcess.ts'
import { lastAudit, world } from '../testing/world.ts'
import type { TestRun, World } from '../testing/world.ts'
import { useConsole } from './consoleWorld.ts'

const { server, open } = useConsole()

const logOf = (page: Page): Locator => page.getByRole('log', { name: 'Log of the run' })
const runPath = ({ company }: World, runId: string): string => `/${company.issuePrefix}/runs/${runId}`

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A program that says its process id, then each line of its file as it comes, and one more when it is stopped. */
const talker = (file: string): string => `
  const fs = require('fs')
  console.log('process ' + process.pid)
  let said = 0
  setInterval(() => {
    const lines = fs.readFileSync(${JSON.stringify(file)}, 'utf8').split('\\n').filter(Boolean)
    for (; said < lines.length; said += 1) {
      if (lines[said] === 'exit') process.exit(0)
      console.log(lines[said])
    }
  }, 20)
  process.on('SIGTERM', () => { console.log('goodbye'); process.exit(3) })`

/** An agent whose process works on an issue, and says what a test lets it say. */
async function workingAgent(here: World) {
  useRunner(server(), { renewEveryMs: 500 })
  const { file } = createOutputFile()
  appendFileSync(file, '')
  const agent = await createProcessAgent(here, talker(file))
  const issue = await here.issue({ assigneeAgentId: agent.id })
  const active = async () =>
    (await server().board.get(`/api/issues/${issue.id}/active-run`)).body as { id: string; processPid: number | null }
  const run = await pollFor('its process runs', async () => {
    const found = await active()
    return found !== null && found.processPid !== null && found
  })
  return { agent, issue, runId: run.id, pid: run.processPid ?? 0, say: (line: string) => appendFileSync(file, `${line}\n`) }
}

/** Writes the log of a run, as a server that executes it would. */
function logWriterOf({ id }: TestRun): (text: string, stream?: 'stdout' | 'stderr') => Promise<void> {
  const writer = createLogWriter(server().store, createLog('silent', false), () => {}).open(id)
  onTestFinished(() => writer.dispose())
  return async (chunk, stream = 'stdout') => {
    await writer.write({ ts: '2026-01-01T00:00:00.000Z', stream, chunk })
    await writer.close()
  }
}

const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, at) => `line ${from + at} of the long log\n`).join('')

describe.skipIf(!hasChromium)('the runs in the console (need Chromium)', () => {
  test('The list has live runs first with their errors in words, filters stand in the address, and the keyboard opens a run', async () => {
    const here = await world(server())
    const [ada, bob] = [await here.agent({ name: 'Ada' }), await here.agent({ name: 'Bob' })]
    const live = await here.run(ada)
    const failed = await here.run(bob)
    await failed.client.post(`/api/heartbeat-runs/${failed.id}/finish`, {
      status: 'failed',
      error: 'The disk is full',
      errorCode: 'disk_full',
    })
    const page = await open(`/${here.company.issuePrefix}/runs`)
    const rows = page.getByRole('table', { name: 'Runs' }).getByRole('row')
    await expect.poll(() => rows.count()).toBe(3)
    await expect.poll(() => rows.nth(1).textContent()).toContain('running')
    expect(await rows.nth(1).textContent()).toContain('Ada')
    expect(await rows.nth(2).textContent()).toMatch(/failed.*Bob.*The disk is full/)
    await page.getByLabel('Status').selectOption('Failed or timed out')
    await expect.poll(() => rows.count()).toBe(2)
    expect(new URL(page.url()).searchParams.get('status')).toBe('failed,timed_out')
    await page.getByLabel('Agent').selectOption('Ada')
    await page.getByText('No run fits the filters.').waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Show every run' }).click()
    await expect.poll(() => rows.count()).toBe(3)
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: `Run ${live.id.slice(0, 8)}`, level: 1 }).waitFor()
  })

  test('The output of a process arrives live, and a cancellation on the page ends it, frees its issue and is recorded with its reason', async () => {
    const here = await world(server())
    const { issue, runId, pid, say } = await workingAgent(here)
    const page = await open(runPath(here, runId))
    await logOf(page).getByText(`process ${pid}`).waitFor()
    say('the first words')
    await logOf(page).getByText('the first words').waitFor()
    await page.keyboard.press('c')
    const dialog = page.getByRole('dialog', { name: 'Cancel the run' })
    await dialog.getByText(`${issue.identifier}`).waitFor()
    expect(await dialog.textContent()).toContain(`Its process (${pid}) and all that it has started get SIGTERM`)
    await dialog.getByLabel('Reason').fill('it says too much')
    await dialog.getByRole('button', { name: 'Cancel the run' }).click()
    await page.getByText(`The run is cancelled. ${issue.identifier} is free.`).waitFor()
    await page.getByText('Cancelled by control plane').waitFor()
    // The last words of the process come after the end of the run.
    await logOf(page).getByText('goodbye').waitFor()
    await pollFor('its process has ended', () => !isAlive(pid))
    await page.getByText('code 3').first().waitFor()
    const { details, actorType } = await lastAudit(server(), runId, 'heartbeat.cancelled')
    expect({ details, actorType }).toMatchObject({ actorType: 'user', details: { reason: 'it says too much', issueIds: [issue.id] } })
    expect((await server().board.get(`/api/issues/${issue.id}`)).body).toMatchObject({ checkoutRunId: null, executionRunId: null })
    expect(await page.getByRole('button', { name: 'Cancel the run' }).count()).toBe(0)
  })

  test('A run that ends while it is looked at changes in place', async () => {
    const here = await world(server())
    const { runId, say } = await workingAgent(here)
    const page = await open(runPath(here, runId))
    await page.getByText('Follows the run.').waitFor()
    await page.getByRole('link', { name: 'See the lock' }).waitFor()
    say('the last words')
    say('exit')
    await page.getByText('This is the end of the log.').waitFor()
    await logOf(page).getByText('the last words').waitFor()
    await page.locator('dl').getByText('succeeded').waitFor()
    await page.getByText('does not hold it').waitFor()
    await page.getByText('process exited').waitFor()
  })

  test('The last part of a long log comes first, what is looked for is found with its count, and the first error is found in the part before', async () => {
    const here = await world(server())
    const run = await here.run(await here.agent())
    const write = logWriterOf(run)
    await write(numbered(0, 50))
    await write('Error: the first of all\n', 'stderr')
    await write(numbered(50, 30_000))
    const page = await open(runPath(here, run.id))
    const log = logOf(page)
    await log.getByText('line 29999 of the long log').waitFor()
    await page.getByRole('button', { name: 'Load earlier output' }).waitFor()
    expect(await log.locator('.log-line').count()).toBeLessThan(150)
    await page.keyboard.press('/')
    await page.keyboard.type('LINE 2999')
    const found = page.getByRole('status', { name: 'Found' })
    await expect.poll(() => found.textContent()).toBe('10 lines')
    await page.keyboard.press('Enter')
    await expect.poll(() => found.textContent()).toBe('1 of 10')
    await log.locator('.current').getByText('line 29990').waitFor()
    await page.keyboard.press('Shift+Enter')
    await expect.poll(() => found.textContent()).toBe('10 of 10')
    await page.getByRole('button', { name: 'First error' }).click()
    await log.locator('.current').getByText('Error: the first of all').waitFor()
    await page.getByText('Later output is not loaded.', { exact: false }).waitFor()
    await page.getByRole('button', { name: 'Jump to the end' }).click()
    await log.getByText('line 29999 of the long log').waitFor()
  })

  test('The log pauses where it is read while more comes, and goes on from a button', async () => {
    const here = await world(server())
    const run = await here.run(await here.agent())
    const write = logWriterOf(run)
    await write(numbered(0, 500))
    const page = await open(runPath(here, run.id))
    const log = logOf(page)
    await log.getByText('line 499 of').waitFor()
    await log.hover()
    await page.mouse.wheel(0, -2000)
    await page.getByText('Paused while you read', { exact: false }).waitFor()
    const shown = await log.evaluate((element) => element.scrollTop)
    await write(numbered(500, 520))
    await page.getByText('Paused while you read: 20 new.', { exact: false }).waitFor()
    expect(await log.evaluate((element) => element.scrollTop)).toBe(shown)
    await page.getByRole('button', { name: 'Jump to the end' }).click()
    await log.getByText('line 519 of').waitFor()
    await write('and more\n')
    await log.getByText('and more').waitFor()
  })

  test('The nice view has words and folded lines without colours, the raw view has the output as it is, and the address says which', async () => {
    const here = await world(server())
    const run = await here.run(await here.agent())
    const write = logWriterOf(run)
    await write('\u001B[31mred words\u001B[0m\n')
    await write('{"type":"assistant","message":{"content":[{"type":"text","text":"I read the file."}]}}\n')
    await write('a warning\n', 'stderr')
    const page = await open(runPath(here, run.id))
    const lines = logOf(page).locator('.log-line')
    await expect.poll(() => lines.count()).toBe(3)
    expect(await lines.allTextContents()).toEqual([
      expect.stringMatching(/outred words$/),
      expect.stringMatching(/agentI read the file\.$/),
      expect.stringMatching(/erra warning$/),
    ])
    await page.getByRole('button', { name: 'Raw' }).click()
    await expect.poll(() => lines.first().textContent()).toBe('␛[31mred words␛[0m')
    expect(await lines.nth(1).textContent()).toContain('{"type":"assistant"')
    await page.getByRole('button', { name: 'Wrap' }).click()
    expect(new URL(page.url()).search).toBe('?log=raw&wrap=off')
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()])
    expect(download.suggestedFilename()).toBe(`run-${run.id.slice(0, 8)}.log`)
  })

  test('A run that was evicted says from what, by whom and why, and a refusal to cancel keeps what was typed', async () => {
    const here = await world(server())
    const { run, issue } = await here.held()
    const page = await open(runPath(here, run.id))
    await page.getByRole('link', { name: 'See the lock' }).waitFor()
    await server().board.post(`/api/issues/${issue.id}/admin/force-release`, { reason: 'hangs since lunch' })
    const note = page.getByText(/Evicted.*hangs since lunch/)
    await note.waitFor()
    expect(await note.textContent()).toContain(`from ${issue.identifier} by the local board`)
    expect(await note.textContent()).toContain('its next write to the issue is refused with 409')
    expect((await run.client.patch(`/api/issues/${issue.id}`, { title: 'Mine' })).status).toBe(409)
    await page.getByRole('button', { name: 'Cancel the run' }).click()
    const dialog = page.getByRole('dialog', { name: 'Cancel the run' })
    await dialog.getByText('It holds no issue.').waitFor()
    await dialog.getByLabel('Reason').fill('no use any more')
    await server().database.sql.query('delete from heartbeat_runs where id = $1', [run.id])
    await dialog.getByRole('button', { name: 'Cancel the run' }).click()
    await dialog.getByRole('alert').getByText('Run not found', { exact: false }).waitFor()
    expect(await dialog.getByLabel('Reason').inputValue()).toBe('no use any more')
  })

  test('The list and a run fit a telephone and a laptop, with labels and contrast in both themes', async () => {
    const here = await world(server())
    const { run } = await here.held()
    await logWriterOf(run)('words\nError: no words\n')
    await run.client.post(`/api/heartbeat-runs/${run.id}/finish`, {
      status: 'failed',
      error: 'It failed',
      usageJson: { inputTokens: 3, costUsd: 0.01 },
      resultJson: { summary: 'Nothing **done**', files: 1 },
    })
    const page = await open(`/${here.company.issuePrefix}/runs`)
    await page.getByRole('table', { name: 'Runs' }).waitFor()
    const faults = await faultsOf(page, 'runs')
    await page.goto(`${server().url}/console${runPath(here, run.id)}`)
    await logOf(page).getByText('Error: no words').waitFor()
    faults.push(...(await faultsOf(page, 'run')))
    // No field of the console is about the person who types.
    expect(faults.filter((sentence) => !sentence.endsWith('does not say what a browser may fill in'))).toEqual([])
  })
})
