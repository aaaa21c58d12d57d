/** A place in a line. */
export interface Place<T> {
  readonly value: T
}

/** Values in the order in which they came, each of which may leave at any time. */
export interface WaitingLine<T> {
  add(value: T): Place<T>
  /** Leaves a place, which may have been left before. */
  leave(place: Place<T>): void
  first(): T | undefined
  /** @returns the first value, which has left; undefined where there is none */
  take(): T | undefined
  /** All values; each may leave meanwhile. */
  values(): T[]
}

interface LinkedPlace<T> extends Place<T> {
  before: LinkedPlace<T> | null
  after: LinkedPlace<T> | null
  isTaken: boolean
}

/**
 * Creates a line for what comes and goes with every request. It is not a `Set`: one whose entries come and go gets new tables all the time, and an old
 * table refers to the next one. As soon as one of them is in the old generation, a collection of the young one keeps all that follow, each with the
 * requests that were in it. A place that was left refers to nothing.
 */
export function createWaitingLine<T>(): WaitingLine<T> {
  let head: LinkedPlace<T> | null = null
  let tail: LinkedPlace<T> | null = null
  const unlink = (place: LinkedPlace<T>): void => {
    if (!place.isTaken) return
    const { before, after } = place
    if (before === null) head = after
    else before.after = after
    if (after === null) tail = before
    else after.before = before
    place.isTaken = false
    place.before = null
    place.after = null
  }
  return {
    add(value) {
      const place: LinkedPlace<T> = { value, before: tail, after: null, isTaken: true }
      if (tail === null) head = place
      else tail.after = place
      tail = place
      return place
    },
    leave: (place) => unlink(place as LinkedPlace<T>),
    first: () => head?.value,
    take() {
      const place = head
      if (place === null) return undefined
      unlink(place)
      return place.value
    },
    values() {
      const values: T[] = []
      for (let place = head; place !== null; place = place.after) values.push(place.value)
      return values
    },
  }
}
