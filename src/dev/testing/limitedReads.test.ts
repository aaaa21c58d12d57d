import { expect, test } from 'vitest'
import { hasInCompany, roleFor } from '../../auth/roles.ts'
import { allowsRead, isLimited } from '../../console/api/limitedReads.ts'
import { grantKeys, memberRoles } from '../../platform/kernel/actor.ts'
import type { BoardActor, GrantKey, MemberRole } from '../../platform/kernel/actor.ts'
import { declaredRoutes, namedRoutes } from './declaredRoutes.ts'

const COMPANY = 'c0a8012e-5b1f-4d7e-9c3a-6f2b1e0d4a58'

const memberWith = (role: MemberRole, grants: readonly GrantKey[]): BoardActor => ({
  kind: 'board',
  userId: 'ada',
  isAdmin: false,
  via: 'session',
  uid: null,
  companies: new Map([[COMPANY, role]]),
  grants: new Map([[COMPANY, grants]]),
  role: null,
  session: null,
})

/** Reads that some role has. Those of the instance and of agents alone are on no page of a company. */
const reads = declaredRoutes().filter(({ method, permission }) => method === 'get' && roleFor(permission) !== null)

test.for(namedRoutes(reads))(
  'The console asks for %s where the role and the grants of a member allow it, and nowhere else',
  ([, route]) => {
    const path = route.path.replace('/api', '').replaceAll(/:\w+/g, COMPANY)
    const answers: boolean[] = []
    for (const role of memberRoles)
      for (const grants of [[], ...grantKeys.map((key) => [key])]) {
        const isAllowed = hasInCompany(memberWith(role, grants), route.permission, COMPANY)
        answers.push(isAllowed)
        expect(allowsRead({ role, grants }, path), `${role} ${grants.join()}`).toBe(isAllowed)
      }
    expect(isLimited(path)).toBe(answers.includes(false))
  },
)
