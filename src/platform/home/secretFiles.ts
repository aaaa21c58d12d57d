/** The names of the files in a home whose contents are secrets: of mode 0600, and never shown. */
export const secretFiles = [
  'agent-jwt-keys',
  'agent-jwt-secret',
  'audit-key.pem',
  'auth-secret',
  'board-token',
  'database-owner-password',
  'database-password',
  'secrets-master-key',
] as const
