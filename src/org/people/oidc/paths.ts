/** The path to which the provider sends browsers back. It is registered there. */
export const CALLBACK_PATH = '/api/auth/callback/oidc'
