const isForOperator: unique symbol = Symbol('for the operator')

/**
 * An error that ends the start of the process with a sentence for the operator: what is wrong, and what to do. The sentence
 * contains no secret. It is logged without a stack, which would say nothing more.
 */
export const startProblem = (sentence: string, cause?: unknown): Error =>
  Object.assign(new Error(sentence, { cause }), { [isForOperator]: true })

/** Whether the message of an error is a sentence for the operator. */
export const isStartProblem = (error: unknown): error is Error => error instanceof Error && isForOperator in error
