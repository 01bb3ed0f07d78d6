/**
 * How the schema of the session records is made and replaced, as SQL: a program and an administrator run the same text. Nothing is
 * dropped that another program made, or a newer one of ours; the schema keeps its owner, and every other role keeps what it might do.
 */
import { MUST_NOT_REPLACE } from './views-errors-postgres.ts'
import { VIEWS_SCHEMA, viewsSchemaSql } from './views-postgres-schema.ts'
import { viewsVersion } from './views-schema.ts'

/** In which a rebuild makes the records that take the place of the others. */
export const NEXT_SCHEMA = `${VIEWS_SCHEMA}_next`

/** Any number that nobody else has: while one schema takes the place of another. */
const REPLACING_LOCK = 7_262_002

/** The tables say their version before anything is in them. */
const STATED = 'logout-trail: session records, version'

/** As SQL: a number; null when there are none of ours. */
export function versionStated(schema = VIEWS_SCHEMA): string {
  return `substring(obj_description(to_regnamespace('${schema}'), 'pg_namespace') FROM '^${STATED} ([0-9]+)$')::integer`
}

/** An empty schema is nobody's; and a dump may have left out the comment of ours. */
function refuseForeign(schema: string): string {
  return `
  IF ${versionStated(schema)} IS NULL AND EXISTS (
    SELECT FROM pg_depend d
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = to_regnamespace('${schema}') AND d.deptype = 'n'
  ) AND NOT EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('${schema}.position') AND a.attname = 'last_hash'
  ) THEN
    RAISE EXCEPTION 'The schema ${schema} is of another program; rename it, or choose another database' USING ERRCODE = '${MUST_NOT_REPLACE}';
  END IF;`
}

const REFUSE_NEWER = `
  IF ${versionStated()} > ${viewsVersion} THEN
    RAISE EXCEPTION 'The session records are of version %, and this program knows up to ${viewsVersion}: a newer logout-trail keeps them; this one records logouts all the same',
      ${versionStated()} USING ERRCODE = '${MUST_NOT_REPLACE}';
  END IF;`

const OWNER = `
  SELECT r.rolname INTO its_owner FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = '${VIEWS_SCHEMA}';
  IF its_owner IS NOT NULL AND NOT pg_has_role(its_owner, 'USAGE') THEN
    RAISE EXCEPTION 'the schema ${VIEWS_SCHEMA} belongs to the role %, and % may not act for it', its_owner, current_user
      USING ERRCODE = 'insufficient_privilege';
  END IF;`

/** `GRANT … ON … TO …` of what an ACL says. */
const GRANTEE = `CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END`
const OPTION = `CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END`

/** Without those on single columns. */
const REMEMBER_GRANTS = `
  SELECT coalesce(array_agg(format('GRANT %s ON SCHEMA ${VIEWS_SCHEMA} TO %s%s', a.privilege_type, ${GRANTEE}, ${OPTION})), '{}') INTO on_schema
  FROM pg_namespace n CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
  WHERE n.nspname = '${VIEWS_SCHEMA}' AND a.grantee <> n.nspowner;
  SELECT coalesce(jsonb_agg(held), '[]') INTO on_tables
  FROM (
    SELECT ${GRANTEE} AS role, a.privilege_type AS may, ${OPTION} AS option, array_agg(c.relname) AS tables,
      count(DISTINCT c.relname) = (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid AND relkind = 'r') AS all_of_them
    FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r'
      CROSS JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
    WHERE n.nspname = '${VIEWS_SCHEMA}' AND a.grantee <> n.nspowner
    GROUP BY n.oid, a.grantee, a.privilege_type, a.is_grantable
  ) held;`

/** A table that is new in this version is for whoever could do the same with all the others. */
const GRANT_AGAIN = `
  FOREACH statement IN ARRAY on_schema LOOP EXECUTE statement; END LOOP;
  FOR statement IN
    SELECT format('GRANT %s ON ${VIEWS_SCHEMA}.%I TO %s%s', held.may, c.relname, held.role, held.option)
    FROM jsonb_to_recordset(on_tables) AS held (role text, may text, option text, tables text[], all_of_them boolean)
      JOIN pg_class c ON c.relnamespace = to_regnamespace('${VIEWS_SCHEMA}') AND c.relkind = 'r'
        AND (held.all_of_them OR c.relname = ANY (held.tables))
  LOOP EXECUTE statement; END LOOP;`

function handOver(schema: string): string {
  return `
  IF its_owner IS NOT NULL THEN
    BEGIN
      EXECUTE format('ALTER SCHEMA ${schema} OWNER TO %I', its_owner);
      FOR statement IN
        SELECT format('ALTER TABLE ${schema}.%I OWNER TO %I', c.relname, its_owner)
        FROM pg_class c WHERE c.relnamespace = to_regnamespace('${schema}') AND c.relkind = 'r'
      LOOP EXECUTE statement; END LOOP;
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE EXCEPTION 'the schema ${VIEWS_SCHEMA} belongs to the role %, and % may not make another for it (%)', its_owner, current_user, SQLERRM
        USING ERRCODE = 'insufficient_privilege';
    END;
  END IF;`
}

/**
 * Whoever reads or writes begins with `position`: once that is locked, nobody waits for a table that somebody else has. While it is
 * waited for, nobody begins to read: so not for long.
 */
const LOCK = `
  PERFORM set_config('lock_timeout', '4s', true);
  IF to_regclass('${VIEWS_SCHEMA}.position') IS NOT NULL THEN
    LOCK TABLE ${VIEWS_SCHEMA}.position IN ACCESS EXCLUSIVE MODE;
  END IF;`

function dropAndMake(schema: string): string {
  const { tables, indexes } = viewsSchemaSql(schema)
  const comment = `COMMENT ON SCHEMA ${schema} IS '${STATED} ${viewsVersion}';`
  return `\nDROP SCHEMA IF EXISTS ${schema} CASCADE;\n${tables}\n${indexes}\n${comment}`
}

/** One after the other; whatever raises leaves everything as it was. */
function block(...parts: string[]): string {
  return `DO $records$
DECLARE
  its_owner name;
  on_schema text[];
  on_tables jsonb;
  statement text;
BEGIN
  PERFORM pg_advisory_xact_lock(${REPLACING_LOCK});${refuseForeign(VIEWS_SCHEMA)}${REFUSE_NEWER}${parts.join('')}
END $records$;`
}

/** Makes the tables, in the place of those of an older version; another process may have been faster. */
export const MAKE_UNLESS_THERE = block(
  `\n  IF ${versionStated()} = ${viewsVersion} THEN RETURN; END IF;`,
  OWNER,
  REMEMBER_GRANTS,
  LOCK,
  dropAndMake(VIEWS_SCHEMA),
  handOver(VIEWS_SCHEMA),
  GRANT_AGAIN,
)

/** Makes them beside the records, in the place of what a rebuild left that was not finished. */
export const MAKE_NEXT = block(
  refuseForeign(NEXT_SCHEMA),
  OWNER,
  dropAndMake(NEXT_SCHEMA),
  handOver(NEXT_SCHEMA),
)

/** Puts what was made beside the records in their place. */
export const REPLACE_BY_NEXT = block(
  OWNER,
  REMEMBER_GRANTS,
  LOCK,
  `
  DROP SCHEMA IF EXISTS ${VIEWS_SCHEMA} CASCADE;
  ALTER SCHEMA ${NEXT_SCHEMA} RENAME TO ${VIEWS_SCHEMA};`,
  handOver(VIEWS_SCHEMA),
  GRANT_AGAIN,
)
