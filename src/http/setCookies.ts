/** The cookies of an answer. They are no part of its body. */
const cookiesOf = Symbol('cookies of the answer')

interface WithCookies {
  readonly [cookiesOf]?: readonly string[]
}

/** The same answer, which sets cookies: each is a whole `Set-Cookie`. */
export const withCookies = <T extends object>(answer: T, cookies: readonly string[]): T =>
  Object.defineProperty(answer, cookiesOf, { value: cookies })

/** The cookies that an answer sets. */
export const cookiesIn = (answer: object): readonly string[] => (answer as WithCookies)[cookiesOf] ?? []

/** For `headers` of a route whose answers set cookies. `sendRendered` sends each line as a header of its own. */
export const cookieHeaders = (answer: object): Record<string, string> => {
  const cookies = cookiesIn(answer)
  return cookies.length === 0 ? {} : { 'Set-Cookie': cookies.join('\n') }
}
