/** The words of one operation. Its summary stands in the declaration of the route. */
export interface OperationText {
  /** The name of the method in a generated client. */
  readonly id: string
  /** One to three sentences: what a caller has to know before it sends the request. */
  readonly text: string
  /** The name of the view that it answers with; of a list, that of an item. */
  readonly returns: string | undefined
  /** The name of the body. Default: the id with `Request`. */
  readonly takes: string | undefined
}

/** Operations by method and path as they are declared: `POST /api/issues/:id/checkout`. */
export type OperationTexts = Readonly<Record<string, OperationText>>

export const op = (id: string, text: string, returns?: string, takes?: string): OperationText => ({ id, text, returns, takes })
