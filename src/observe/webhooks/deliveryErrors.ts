/**
 * Why a message was not delivered. `status`: the answer is no success, and a redirect is none. `address_refused`: the address is not public. `secret_unavailable`: this
 * server lacks the master key with which the signing secret was sealed.
 */
export const deliveryErrors = ['status', 'timeout', 'connection_failed', 'address_refused', 'secret_unavailable', 'cancelled'] as const
export type DeliveryError = (typeof deliveryErrors)[number]
