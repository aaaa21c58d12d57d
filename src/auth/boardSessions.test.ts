import { expect, test } from 'vitest'
import { createBoardSessions, SESSION_SECONDS } from './boardSessions.ts'
import { createBoardToken } from './boardToken.ts'

const token = createBoardToken('pcp_local_one-token-of-the-board-for-tests')
const uid = 1000

/** Sessions with a clock that the test moves. */
function sessionsAt(start = 1_800_000_000_000) {
  const clock = { now: start }
  return { clock, sessions: createBoardSessions(token, () => clock.now) }
}

const signIn = async (sessions: ReturnType<typeof createBoardSessions>): Promise<string> => {
  const cookie = await sessions.redeem(sessions.createLink().code, uid)
  if (cookie === null) throw new Error('the link was refused')
  return cookie
}

test('A link lets one browser in, once', async () => {
  const { sessions } = sessionsAt()
  const { code } = sessions.createLink()
  const cookie = (await sessions.redeem(code, uid)) ?? ''
  expect(sessions.verify(cookie)).toMatchObject({ uid })
  expect(await sessions.redeem(code, uid)).toBeNull()
})

test('A link that is too old and a code that was never made are refused', async () => {
  const { clock, sessions } = sessionsAt()
  const { code, expiresAtMs } = sessions.createLink()
  clock.now = expiresAtMs + 1
  expect(await sessions.redeem(code, uid)).toBeNull()
  for (const other of ['', 'x', 'a'.repeat(43)]) expect(await sessions.redeem(other, uid)).toBeNull()
})

test('A flood of links keeps the newest ones only', async () => {
  const { sessions } = sessionsAt()
  const first = sessions.createLink()
  const last = Array.from({ length: 20 }, () => sessions.createLink()).at(-1)
  expect(await sessions.redeem(first.code, uid)).toBeNull()
  expect(await sessions.redeem(last?.code ?? '', uid)).not.toBeNull()
})

test('A cookie ends with its time, and when it is signed out', async () => {
  const { clock, sessions } = sessionsAt()
  const [cookie, other] = [await signIn(sessions), await signIn(sessions)]
  const session = sessions.verify(other)
  if (session !== null) sessions.end(session)
  expect(sessions.verify(other)).toBeNull()
  clock.now += SESSION_SECONDS * 1000
  expect(sessions.verify(cookie)).not.toBeNull()
  clock.now += 1
  expect(sessions.verify(cookie)).toBeNull()
})

test('A cookie survives a restart and dies with the token', async () => {
  const { clock, sessions } = sessionsAt()
  const cookie = await signIn(sessions)
  const restarted = createBoardSessions(token, () => clock.now)
  expect(restarted.verify(cookie)).not.toBeNull()
  expect(restarted.cookieName).toBe(sessions.cookieName)
  const rotated = createBoardSessions(createBoardToken('pcp_local_another-token-of-the-board-for-tests'), () => clock.now)
  expect(rotated.verify(cookie)).toBeNull()
  expect(rotated.cookieName).not.toBe(sessions.cookieName)
})

test('A cookie whose time, account or name was changed is refused', async () => {
  const { sessions } = sessionsAt()
  const [expires = '', account = '', id = '', signature = ''] = (await signIn(sessions)).split('.')
  const forgeries = [
    [`${Number(expires) + 1}`, account, id, signature],
    [expires, '0', id, signature],
    [expires, '-', id, signature],
    [expires, account, id.toUpperCase(), signature],
    [expires, account, id, signature.slice(1)],
    [expires, account, id, ''],
  ]
  for (const parts of forgeries) expect(sessions.verify(parts.join('.')), parts.join('.')).toBeNull()
})
