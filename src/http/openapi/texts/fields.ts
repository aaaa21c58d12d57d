import { fieldsOfBudgets } from './fieldsOfBudgets.ts'
import { fieldsOfCosts } from './fieldsOfCosts.ts'
import { fieldsOfParties } from './fieldsOfParties.ts'
import { fieldsOfPeople } from './fieldsOfPeople.ts'
import { fieldsOfSecrets } from './fieldsOfSecrets.ts'
import { fieldsOfSkills } from './fieldsOfSkills.ts'
import { fieldsOfRoutines } from './fieldsOfRoutines.ts'
import { fieldsOfServer } from './fieldsOfServer.ts'
import { fieldsOfWebhooks } from './fieldsOfWebhooks.ts'
import { fieldsOfWork } from './fieldsOfWork.ts'
import { fieldsOfWorkspaces } from './fieldsOfWorkspaces.ts'

/**
 * The meaning of a field: by its name; under its parent (`user.id`); or in one view (`Company.id`), where it means something else or
 * more. A name has one meaning wherever no entry says otherwise.
 */
export const fieldTexts: Readonly<Record<string, string>> = {
  ...fieldsOfParties,
  ...fieldsOfWork,
  ...fieldsOfServer,
  ...fieldsOfPeople,
  ...fieldsOfCosts,
  ...fieldsOfBudgets,
  ...fieldsOfSecrets,
  ...fieldsOfSkills,
  ...fieldsOfWebhooks,
  ...fieldsOfRoutines,
  ...fieldsOfWorkspaces,
}
