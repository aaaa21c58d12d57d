import { op } from './operation.ts'
import type { OperationTexts } from './operation.ts'

const ofCompany = '/api/companies/:companyId'

/** Secrets. */
export const secrets: OperationTexts = {
  [`GET ${ofCompany}/secret-providers`]: op(
    'listSecretProviders',
    'The database of this server, and what its operator has configured in addition.',
    'SecretProvider',
  ),
  [`GET ${ofCompany}/secrets`]: op('listSecrets', 'Names and versions. A value is in no answer of this server.', 'Secret'),
  [`POST ${ofCompany}/secrets`]: op(
    'createSecret',
    'The value is sealed before it is stored, and shown to no caller again. A value is refused (`secret_not_coverable`) when it is too short or too common to be found in what runs write. With an external provider `externalRef` names the value, and only an administrator of the instance may do that.',
    'Secret',
  ),
  ['GET /api/secrets/:id/usage']: op(
    'getSecretUsage',
    'The agents and projects whose configuration refers to it, the run that was given it last, and its versions. Each time a run is given it is an audit row `secret.read` as well.',
    'SecretUsage',
  ),
  ['POST /api/secrets/:id/rotate']: op(
    'rotateSecret',
    'A new version. References to `latest` get it at the next start of a run; references to a number keep theirs.',
    'Secret',
  ),
  ['PATCH /api/secrets/:id']: op('updateSecret', 'The value stays. A reference names the id, so another name breaks none.', 'Secret'),
  ['POST /api/instance/secrets/rotate-master-key']: op(
    'rotateMasterKey',
    'The keys of companies are wrapped with a new master key, and no value is touched: runs go on. It needs the token of the board.',
    'MasterKeyRotation',
  ),
  ['DELETE /api/secrets/:id']: op(
    'deleteSecret',
    'All of its versions go. It is refused while a configuration refers to it or a live run was given it (`secret_in_use`).',
    'SecretDeletion',
  ),
}
