import { formatNumber } from './time.ts'

/** A number with its words, in the singular for one. @param many the plural; with an `s` after the singular unless given */
export const counted = (count: number, one: string, many = `${one}s`): string => `${formatNumber(count)} ${count === 1 ? one : many}`
