import { createHmac, randomUUID } from 'node:crypto'
import type { ApiUnderTest, FixtureRows } from './contractFixtures.ts'
import type { Example } from './example.ts'
import { sendRequest } from './rawRequest.ts'

/** Signs a call of the webhook of a subject. Its secret is made by rotating it. */
async function signAsWebhook(api: ApiUnderTest, rows: FixtureRows, body: unknown): Promise<Record<string, string>> {
  const path = `/api/routine-triggers/${rows.ids['routine-triggers']}/rotate-secret`
  const { body: rotated } = await sendRequest(api.url, { method: 'post', path, body: {} })
  const timestamp = String(Math.floor(Date.now() / 1000))
  const signature = createHmac('sha256', rotated.secretMaterial.webhookSecret)
    .update(`${timestamp}.${JSON.stringify(body)}`)
    .digest('hex')
  return { 'x-paperclip-timestamp': timestamp, 'x-paperclip-signature': `sha256=${signature}` }
}

/** The requests of the routes of routines. */
export const routineExamples: Readonly<Record<string, Example>> = {
  postCompaniesByCompanyIdRoutines: { body: ({ agent }) => ({ title: 'Another routine', assigneeAgentId: agent.id }) },
  patchRoutinesById: { body: () => ({ title: 'Another title' }) },
  postRoutinesByIdRun: { body: () => ({}) },
  postRoutinesByIdTriggers: { body: () => ({ kind: 'schedule', cronExpression: '0 9 * * 1', timezone: 'Europe/Berlin' }) },
  patchRoutineTriggersById: { body: () => ({ label: `A label ${randomUUID()}` }) },
  getCompaniesByCompanyIdRoutinesSchedulePreview: { query: '?cronExpression=0%209%20*%20*%20*' },
  postCompaniesByCompanyIdRoutinesResumeAll: {
    arrange: { of: 'routines', sql: "update routines set status = 'paused', pause_reason = 'pause_all' where id = $1" },
  },
  postRoutineTriggersPublicByPublicIdFire: { body: () => ({ from: 'stage' }), prove: signAsWebhook },
}
