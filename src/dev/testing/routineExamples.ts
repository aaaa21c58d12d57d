import { createHmac, randomUUID } from 'node:crypto'
import type { ApiUnderTest, FixtureRows } from './contractFixtures.ts'
import type { Example } from './example.ts'
import { sendRequest } from './rawRequest.ts'

/** A function that signs the bytes of a call of the webhook of a subject, as headers. Its secret is made by rotating it. */
export async function webhookSigner(
  api: ApiUnderTest,
  rows: FixtureRows,
): Promise<(body: string | Uint8Array) => { readonly 'x-paperclip-timestamp': string; readonly 'x-paperclip-signature': string }> {
  const path = `/api/routine-triggers/${rows.ids['routine-triggers']}/rotate-secret`
  const { body: rotated } = await sendRequest(api.url, { method: 'post', path, body: {} })
  return (body) => {
    const timestamp = String(Math.floor(Date.now() / 1000))
    const signature = createHmac('sha256', rotated.secretMaterial.webhookSecret).update(`${timestamp}.`).update(body).digest('hex')
    return { 'x-paperclip-timestamp': timestamp, 'x-paperclip-signature': `sha256=${signature}` }
  }
}

const signAsWebhook = async (api: ApiUnderTest, rows: FixtureRows, body: unknown): Promise<Record<string, string>> =>
  (await webhookSigner(api, rows))(JSON.stringify(body))

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
