/**
 * A value whose JSON is made without the value. A list forwards what Postgres sent, because to make objects of fifty rows with forty fields, and JSON
 * of those, takes longer than all else that the list takes.
 *
 * The JSON is made when it is asked for, and not kept. The rows of a page are bounded by their bytes, and their JSON may have six times as many: a
 * page that ends early for that makes only what it sends.
 */
export class JsonText<T> {
  readonly text: () => string

  constructor(text: () => string) {
    this.text = text
  }

  /** The value, for what needs more than its JSON. */
  value(): T {
    return JSON.parse(this.text()) as T
  }
}

/** A value as an object, whatever form it has. */
export const plainValue = (value: unknown): unknown => (value instanceof JsonText ? value.value() : value)
