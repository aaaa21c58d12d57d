// `npm test` tries every kind of input on every kind of host once. `npm run check:full` sets FULL_CHECK=1 and tries each on each.

/** Whether the tests make every combination, and not a part of them. */
export const isFullCheck = process.env['FULL_CHECK'] === '1'

/**
 * The values that one case of many tries: all of them in a full check, else each third one, beginning where `turn` says. Cases with
 * consecutive turns try all values between them.
 */
export const valuesInTurn = <T>(values: readonly T[], turn: number): readonly T[] =>
  isFullCheck ? values : values.filter((_, at) => at % 3 === turn % 3)
