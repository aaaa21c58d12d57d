import decodeQR from 'qr/decode.js'
import { describe, expect, test } from 'vitest'
import { freshCode } from '../../dev/testing/authenticators.ts'
import { person } from '../../dev/testing/people.ts'
import { TEST_PASSWORD } from '../../dev/testing/sessions.ts'
import { useServer } from '../../dev/testing/world.ts'

const server = useServer({ people: {}, boardMode: 'token' })
const page = '/account/second-factor'

/** Sends a form as a browser does from a page of the server. */
async function submit(path: string, fields: Record<string, string>, cookie: string) {
  const answer = await fetch(`${server().url}${path}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: server().url, 'content-type': 'application/x-www-form-urlencoded', cookie },
    body: new URLSearchParams(fields).toString(),
  })
  return {
    status: answer.status,
    text: await answer.text(),
    location: answer.headers.get('location'),
    cookie: answer.headers
      .getSetCookie()
      .map((line) => line.split(';')[0])
      .join('; '),
  }
}
const show = (path: string, cookie: string) => server().anonymous.get(path, { cookie })

/** The picture that a browser paints of the drawing, four pixels for a module. */
function pixelsOf(svg: string): { width: number; height: number; data: Uint8Array } {
  const modules = Number(/viewBox="0 0 (\d+) /.exec(svg)?.[1])
  const width = modules * 4
  const data = new Uint8Array(width * width * 4).fill(255)
  for (const [, x = '', y = '', run = ''] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g))
    for (let row = Number(y) * 4; row < Number(y) * 4 + 4; row += 1)
      for (let column = Number(x) * 4; column < (Number(x) + Number(run)) * 4; column += 1)
        data.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3)
  return { width, height: width, data }
}

const codesIn = (text: string): string[] =>
  [...text.matchAll(/<code>((?:[A-Z2-7]{4}-){3}[A-Z2-7]{4})<\/code>/g)].map(([, code]) => code ?? '')
const secretIn = (text: string): string => /<code>([A-Z2-7]{32})<\/code>/.exec(text)?.[1] ?? ''

async function turnedOn() {
  const ada = await person(server())
  const begun = await submit(page, { action: 'begin', password: TEST_PASSWORD }, ada.cookie)
  return { ...ada, begun, secret: secretIn(begun.text), recoveryCodes: codesIn(begun.text) }
}

describe('the pages of the second factor', () => {
  test('A person turns the second factor on with a QR code that an app reads, and no page needs a script or a style of its own', async () => {
    const { email, cookie, begun, secret, recoveryCodes } = await turnedOn()
    expect((await show('/account', cookie)).text).toContain('The second factor is off')
    expect([begun.status, secret.length, recoveryCodes.length]).toEqual([200, 32, 10])
    expect(begun.text).not.toMatch(/<script|<img|style=|url\(/)
    const svg = /<svg.*<\/svg>/s.exec(begun.text)?.[0] ?? ''
    const read = new URL(decodeQR(pixelsOf(svg)))
    expect([decodeURIComponent(read.pathname), read.searchParams.get('secret')]).toEqual([`/paperclip-server:${email}`, secret])
    const wrong = await submit(page, { action: 'confirm', code: '000000' }, cookie)
    expect([wrong.status, wrong.text]).toEqual([403, expect.stringContaining('<p role="alert">The code is wrong')])
    expect(wrong.text).toContain('Turn the second factor on')
    expect(wrong.text).not.toContain(secret)
    const right = await submit(page, { action: 'confirm', code: await freshCode(server(), secret) }, cookie)
    expect(right).toMatchObject({ status: 303, location: '/account' })
    expect((await show('/account', cookie)).text).toContain('The second factor is on')
    expect((await show(page, cookie)).text).toContain('You have 10 recovery codes.')
  })

  test('A sign-in asks for the code on a page of its own, keeps the way, and takes a recovery code as well', async () => {
    const { email, cookie, secret, recoveryCodes } = await turnedOn()
    await submit(page, { action: 'confirm', code: await freshCode(server(), secret) }, cookie)
    const signIn = () => submit('/sign-in?next=/account/second-factor', { email, password: TEST_PASSWORD }, '')
    const asked = await signIn()
    expect(asked).toMatchObject({ status: 303, location: `/sign-in/code?next=${encodeURIComponent(page)}` })
    const codePage = asked.location ?? ''
    expect((await show(codePage, asked.cookie)).text).toContain('autocomplete="one-time-code"')
    expect((await show(codePage, '')).status).toBe(303)
    const wrong = await submit(codePage, { code: '000000' }, asked.cookie)
    expect([wrong.status, wrong.text]).toEqual([401, expect.stringContaining('role="alert"')])
    const right = await submit(codePage, { code: await freshCode(server(), secret) }, asked.cookie)
    expect(right).toMatchObject({ status: 303, location: page })
    expect((await show(page, right.cookie)).status).toBe(200)
    const again = await signIn()
    const recovered = await submit(codePage, { code: recoveryCodes[0] ?? '' }, again.cookie)
    expect((await show(page, recovered.cookie)).text).toContain('You have 9 recovery codes.')
    const evil = await submit('/sign-in/code?next=https://evil.example', { code: recoveryCodes[1] ?? '' }, (await signIn()).cookie)
    expect(evil.location).toBe('/account')
  })

  test('A person makes new recovery codes, and turns the second factor off', async () => {
    const { cookie, secret, recoveryCodes } = await turnedOn()
    await submit(page, { action: 'confirm', code: await freshCode(server(), secret) }, cookie)
    const renewed = await submit(page, { action: 'codes', password: TEST_PASSWORD, code: await freshCode(server(), secret) }, cookie)
    const [code = ''] = codesIn(renewed.text)
    expect([codesIn(renewed.text).length, recoveryCodes.includes(code)]).toEqual([10, false])
    expect((await submit(page, { action: 'disable', password: 'not the password', code }, cookie)).status).toBe(403)
    expect((await submit(page, { action: 'conquer' }, cookie)).status).toBe(400)
    expect((await submit(page, { action: 'disable', password: TEST_PASSWORD, code }, cookie)).location).toBe('/account')
    expect((await show('/account', cookie)).text).toContain('The second factor is off')
    expect((await show(page, '')).status).toBe(303)
  })
})
