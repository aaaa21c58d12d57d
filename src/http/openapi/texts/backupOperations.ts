import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

export const backups: OperationTexts = {
  'GET /api/instance/backups': op('listBackups', 'The newest 100. The files lie on the host that is named.', 'Backup'),
  'POST /api/instance/backups': op(
    'makeBackup',
    'A server makes it within seconds, into its folder. While one waits or is made there is no second one: the answer is that one.',
    'Backup',
  ),
}
