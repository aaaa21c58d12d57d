// Finds the words of a route and of a field.

import type { Route } from '../route.ts'
import { operationTexts } from './texts/operations.ts'
import type { OperationText } from './texts/operation.ts'
import type { Tag } from './texts/tags.ts'

interface Words extends OperationText {
  readonly tag: Tag | undefined
}

const wordsByRoute = new Map<string, Words>(
  Object.entries(operationTexts).flatMap(([tag, texts]) =>
    Object.entries(texts).map(([route, text]): [string, Words] => [route, { ...text, tag: tag as Tag }]),
  ),
)

/** `POST /api/issues/:id/checkout`. */
export const routeKey = (route: Route): string => `${route.method.toUpperCase()} ${route.path}`

/** The words of a route. A route without words has its internal name and its summary, and a test fails. */
export const wordsOf = (route: Route): Words =>
  wordsByRoute.get(routeKey(route)) ?? { id: route.operationId, text: route.summary, returns: undefined, takes: undefined, tag: undefined }

/** The place of each route in the tour. */
const places = new Map([...wordsByRoute.keys()].map((route, place) => [route, place]))

/** Routes in the order of the tour; those without words are last. */
export const inTourOrder = (routes: readonly Route[]): Route[] =>
  routes.toSorted((a, b) => (places.get(routeKey(a)) ?? places.size) - (places.get(routeKey(b)) ?? places.size))

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The name of the answer of a route, or of an item of its list. */
export const answerName = (route: Route): string => wordsOf(route).returns ?? `${capital(wordsOf(route).id)}Answer`

/** The name of the body of a route. */
export const bodyName = (route: Route): string => wordsOf(route).takes ?? `${capital(wordsOf(route).id)}Request`
