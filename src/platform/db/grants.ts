import type { Connection } from './driver/client.ts'

type Privilege = 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE'

/** The privileges of the application's login on every table that is not named below. */
const ORDINARY: readonly Privilege[] = ['SELECT', 'INSERT', 'UPDATE', 'DELETE']

/** The record: the application adds to it and reads it. Nothing that it does changes or removes a line (I7). */
const RECORD: Readonly<Record<string, readonly Privilege[]>> = {
  activity_log: ['SELECT', 'INSERT'],
  activity_chain: ['SELECT', 'INSERT'],
  audit_witnesses: ['SELECT', 'INSERT', 'UPDATE'],
}

/** The names are those of Postgres's catalogue and of the role itself, quoted by Postgres. */
interface Table {
  readonly name: string
  readonly quoted: string
  /** The privileges that the role has by a grant of its own. */
  readonly granted: readonly string[]
  readonly isPublic: boolean
}

const readTables = `
  select c.relname as name, format('%I.%I', n.nspname, c.relname) as quoted,
    coalesce(array_agg(acl.privilege_type order by acl.privilege_type) filter (where acl.grantee = role.oid), '{}')::text[] as granted,
    coalesce(bool_or(acl.grantee = 0), false) as "isPublic"
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles role on role.rolname = $1
  left join lateral aclexplode(c.relacl) acl on true
  where n.nspname = 'public' and c.relkind in ('r', 'p') group by n.nspname, c.relname`

interface Surroundings {
  readonly role: string
  readonly database: string
  readonly mayUse: boolean
  readonly everybodyCreates: boolean
  readonly everybodyHasTemporary: boolean
  /** Tables that the owner makes between two starts are the application's, too. */
  readonly hasDefault: boolean
  /** The counter of events is open to everybody by its migration, but not in a database that was restored without its grants. */
  readonly mayTakeTickets: boolean
}

const readSurroundings = `
  select format('%I', role.rolname) as role, format('%I', current_database()) as database,
    has_schema_privilege(role.oid, n.oid, 'USAGE') as "mayUse",
    exists (select from aclexplode(n.nspacl) acl where acl.grantee = 0 and acl.privilege_type = 'CREATE') as "everybodyCreates",
    exists (select from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) acl
      where acl.grantee = 0 and acl.privilege_type = 'TEMPORARY') as "everybodyHasTemporary",
    exists (select from pg_default_acl a, aclexplode(a.defaclacl) acl where a.defaclrole = current_user::regrole
      and a.defaclnamespace = n.oid and a.defaclobjtype = 'r' and acl.grantee = role.oid) as "hasDefault",
    has_sequence_privilege(role.oid, 'public.event_tickets', 'USAGE')
      and has_sequence_privilege(role.oid, 'public.event_tickets', 'SELECT') as "mayTakeTickets"
  from pg_roles role, pg_namespace n, pg_database d
  where role.rolname = $1 and n.nspname = 'public' and d.datname = current_database()`

const sameSet = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((item) => b.includes(item))

function statementsFor(tables: readonly Table[], around: Surroundings): string[] {
  const { role, database } = around
  const list: string[] = []
  if (!around.mayUse) list.push(`grant usage on schema public to ${role}`)
  if (around.everybodyCreates) list.push('revoke create on schema public from public')
  if (around.everybodyHasTemporary) list.push(`revoke temporary on database ${database} from public`)
  if (!around.hasDefault) list.push(`alter default privileges in schema public grant ${ORDINARY.join()} on tables to ${role}`)
  if (!around.mayTakeTickets) list.push(`grant usage, select on sequence public.event_tickets to ${role}`)
  for (const { name, quoted, granted, isPublic } of tables) {
    const wanted = RECORD[name] ?? ORDINARY
    if (sameSet(granted, wanted) && !isPublic) continue
    list.push(`revoke all on ${quoted} from public, ${role}`, `grant ${wanted.join()} on ${quoted} to ${role}`)
  }
  return list
}

/**
 * Gives the application's login what it needs on every table and the counter of events, and on the record only SELECT and INSERT. It compares first,
 * so a start with nothing to do writes nothing and disturbs no other server.
 *
 * @param connection of the owner of the tables, with the lock of the migrations
 * @param role the application's login, which exists
 */
export async function grantToApplication(connection: Connection, role: string): Promise<void> {
  const { rows: tables } = await connection.query<Table>(readTables, [role])
  const { rows: found } = await connection.query<Surroundings>(readSurroundings, [role])
  const [around] = found
  if (around === undefined) throw new Error(`The database has no role ${role}`)
  for (const text of statementsFor(tables, around)) await connection.query(text)
}

/** Whether a login could do more than the application needs. */
export interface LoginPower {
  readonly role: string
  readonly database: string
  /** It is a superuser, or it owns tables, itself or as a member of their owner: it can rewrite the record. */
  readonly canRewriteRecord: boolean
}

/** Reads what the login of a connection could do. */
export async function readLoginPower(connection: Connection): Promise<LoginPower> {
  const { rows } = await connection.query<LoginPower>(`
    select current_user::text as role, current_database()::text as database, r.rolsuper or exists (
      select from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        and pg_has_role(r.oid, c.relowner, 'MEMBER')) as "canRewriteRecord"
    from pg_roles r where r.rolname = current_user`)
  const [power] = rows
  if (power === undefined) throw new Error('The database does not know the role of its own session')
  return power
}
