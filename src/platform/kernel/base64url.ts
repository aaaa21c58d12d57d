/**
 * Whether a text is the one base64url form of its bytes (RFC 4648 §3.5): no padding, no other alphabet, no bits behind the last byte. Decoders
 * accept more, so that one credential or cursor would have several texts.
 */
export const isCanonicalBase64url = (text: string): boolean => Buffer.from(text, 'base64url').toString('base64url') === text
