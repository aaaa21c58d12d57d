// Amounts of money. The server counts in cents of the US dollar.

const money = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'USD' })

/** "$12.50". */
export const formatCents = (cents: number): string => money.format(cents / 100)

const otherMoney = new Map<string, Intl.NumberFormat>()

/** An amount of any currency in hundredths of it. @param currency three letters */
export function formatAmount(hundredths: number, currency: string): string {
  if (currency === 'USD') return formatCents(hundredths)
  const format = otherMoney.get(currency) ?? new Intl.NumberFormat(undefined, { style: 'currency', currency })
  otherMoney.set(currency, format)
  return format.format(hundredths / 100)
}

/** A typed amount in cents; null where it is no amount. */
export function centsOf(text: string): number | null {
  const trimmed = text.trim()
  if (trimmed === '') return 0
  return /^\d{1,8}(?:\.\d{1,2})?$/.test(trimmed) ? Math.round(Number(trimmed) * 100) : null
}

/** Cents as a person types them: `12.50`, and nothing for 0. */
export const typedCents = (cents: number): string => (cents === 0 ? '' : (cents / 100).toFixed(2).replace(/\.00$/, ''))
