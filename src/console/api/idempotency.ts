/** A key for `Idempotency-Key`. `crypto.randomUUID` is absent from pages that came by plain HTTP from another machine. */
export const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
