/**
 * A value whose JSON is there already. A list forwards what Postgres sent, because to make objects of fifty rows with forty fields, and JSON of
 * those, takes longer than all else that the list takes.
 */
export class JsonText<T> {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** The value, for what needs more than its JSON. */
  value(): T {
    return JSON.parse(this.text) as T
  }
}

/** A value as an object, whatever form it has. */
export const plainValue = (value: unknown): unknown => (value instanceof JsonText ? value.value() : value)
