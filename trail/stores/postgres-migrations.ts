/**
 * The schema `logout_trail`, as numbered SQL: everything of ours is in it, and nothing else should be.
 *
 * The same text is run by a service that may, and printed for an administrator who runs it instead (`migrationSql`).
 */

export interface Migration {
  /** The least version of a program that can work with the schema once this has run. */
  worksWith: number
  sql: string
}

/** Migration n brings the schema from version n to n + 1. Published migrations are never edited. */
export const migrations: readonly Migration[] = [
  {
    worksWith: 1,
    sql: `
-- IF NOT EXISTS would ask for permission to make one, also where an administrator has.
DO $$ BEGIN
  IF to_regnamespace('logout_trail') IS NULL THEN CREATE SCHEMA logout_trail; END IF;
END $$;

CREATE TABLE logout_trail.migrations (
  version integer PRIMARY KEY,
  works_with integer NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row. To append is to hold its lock; it is not rewritten then, so that a long transaction elsewhere (a backup)
-- leaves no old versions of it to wade through.
CREATE TABLE logout_trail.trail (
  one smallint PRIMARY KEY CHECK (one = 1),
  trail_id text NOT NULL,
  trail_key bytea NOT NULL,
  issuer text NOT NULL,
  epoch bigint NOT NULL,
  works_with integer NOT NULL,
  checked_at timestamptz,
  system_id text,
  timeline bigint,
  home text
) WITH (fillfactor = 10);

CREATE TABLE logout_trail.entries (
  "index" bigint PRIMARY KEY,
  kind text NOT NULL, source text NOT NULL,
  occurred_at bigint NOT NULL, recorded_at bigint NOT NULL,
  session_id text, user_id text, client_id text,
  actor_id text,
  org_id text,
  ip text, user_agent text, city text, country text,
  azp text, token_iat bigint, token_state text, request_id text, trace_id text,
  clerk_status text, intent text, device_type text,
  session_created_at bigint, session_last_active_at bigint,
  session_expire_at bigint, session_abandon_at bigint
) PARTITION BY RANGE ("index");

-- From (inclusive) and to (exclusive) of each partition of entries.
CREATE TABLE logout_trail.partitions (from_index bigint PRIMARY KEY, to_index bigint NOT NULL);

CREATE TABLE logout_trail.dedupe (key bytea PRIMARY KEY, "index" bigint NOT NULL);

CREATE TABLE logout_trail.leases (
  name text PRIMARY KEY,
  holder text NOT NULL,
  fence bigint NOT NULL,
  until timestamptz NOT NULL
);

-- Makes partitions until they reach an index, and says how far they reach now. As whoever owns the schema: the service
-- itself need not be allowed to make tables. A table is made first and attached then, which stops neither readers nor
-- appends; CREATE TABLE … PARTITION OF would stop both.
CREATE FUNCTION logout_trail.add_partitions(up_to bigint, size bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reached bigint;
BEGIN
  LOCK TABLE logout_trail.partitions IN SHARE ROW EXCLUSIVE MODE;
  SELECT coalesce(max(to_index), 0) INTO reached FROM logout_trail.partitions;
  IF size < 1 OR up_to > reached + 10 * size THEN
    RAISE EXCEPTION 'partitions of % are not made up to % at once', size, up_to;
  END IF;
  WHILE reached < up_to LOOP
    EXECUTE format('CREATE TABLE logout_trail.%I (LIKE logout_trail.entries INCLUDING ALL)', 'entries_' || reached);
    EXECUTE format('ALTER TABLE logout_trail.entries ATTACH PARTITION logout_trail.%I FOR VALUES FROM (%s) TO (%s)',
                   'entries_' || reached, reached, reached + size);
    INSERT INTO logout_trail.partitions VALUES (reached, reached + size);
    reached := reached + size;
  END LOOP;
  RETURN reached;
END $$;

-- Whoever appends holds the lock of the trail row from here to the end of the transaction. That is one statement, sent
-- alone: between its beginning and its end nothing waits for a client, except for the last five bytes of its request
-- (postgres-link.ts bounds that). What this process was told durable last has to be there still.
CREATE FUNCTION logout_trail.begin_append(
  the_program integer, the_trail text, the_epoch bigint, seen_index bigint, seen_key bytea
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  found_trail text;
  found_epoch bigint;
  least_program integer;
BEGIN
  -- For this transaction: an answer means that the disk has it, whatever the server or the role is set to.
  IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  SELECT t.trail_id, t.epoch, t.works_with INTO found_trail, found_epoch, least_program
    FROM logout_trail.trail t WHERE t.one = 1 FOR UPDATE;
  IF found_trail IS DISTINCT FROM the_trail THEN
    RAISE EXCEPTION 'the trail % stands in the place of %', coalesce(found_trail, 'without a row'), the_trail
      USING ERRCODE = 'LT002';
  END IF;
  IF least_program > the_program THEN
    RAISE EXCEPTION 'the schema was brought up to date by a newer logout-trail, and needs programs of version % and newer; this one has %',
      least_program, the_program USING ERRCODE = 'LT005';
  END IF;
  IF found_epoch > the_epoch THEN
    RAISE EXCEPTION 'a restore was accepted meanwhile' USING ERRCODE = 'LT003';
  END IF;
  IF found_epoch < the_epoch OR seen_index >= 0 AND NOT EXISTS (
    SELECT FROM logout_trail.dedupe d WHERE d.key = seen_key AND d."index" = seen_index
  ) THEN
    RAISE EXCEPTION 'entry % of epoch %, which was durable, is not there any more', seen_index, the_epoch
      USING ERRCODE = 'LT001';
  END IF;
END $$;

-- Appends reports with distinct keys; answers in their order the index of each, and whether it is new.
CREATE FUNCTION logout_trail.append(
  the_program integer, the_trail text, the_epoch bigint, seen_index bigint, seen_key bytea, recorded bigint, keys bytea[],
  kinds text[], sources text[], occurred bigint[],
  session_ids text[], user_ids text[], client_ids text[], actor_ids text[], org_ids text[],
  ips text[], user_agents text[], cities text[], countries text[],
  azps text[], token_iats bigint[], token_states text[], request_ids text[], trace_ids text[],
  clerk_statuses text[], intents text[], device_types text[],
  created bigint[], last_active bigint[], expire bigint[], abandon bigint[]
) RETURNS TABLE (at_index bigint, is_new boolean) LANGUAGE plpgsql AS $$
DECLARE
  next_index bigint;
BEGIN
  PERFORM logout_trail.begin_append(the_program, the_trail, the_epoch, seen_index, seen_key);
  SELECT e."index" + 1 INTO next_index FROM logout_trail.entries e ORDER BY e."index" DESC LIMIT 1;
  next_index := coalesce(next_index, 0);
  RETURN QUERY
  WITH given AS MATERIALIZED (
    SELECT g.*, (SELECT d."index" FROM logout_trail.dedupe d WHERE d.key = g.key) AS known
    FROM unnest(keys, kinds, sources, occurred, session_ids, user_ids, client_ids, actor_ids, org_ids,
                ips, user_agents, cities, countries, azps, token_iats, token_states, request_ids, trace_ids,
                clerk_statuses, intents, device_types, created, last_active, expire, abandon)
      WITH ORDINALITY AS g (key, kind, source, occurred_at, session_id, user_id, client_id, actor_id, org_id,
                ip, user_agent, city, country, azp, token_iat, token_state, request_id, trace_id,
                clerk_status, intent, device_type, created_at, last_active_at, expire_at, abandon_at, place)
  ), placed AS MATERIALIZED (
    SELECT g.*, coalesce(g.known, next_index - 1 + count(*) FILTER (WHERE g.known IS NULL) OVER (ORDER BY g.place)) AS spot
    FROM given g
  ), claimed AS (
    INSERT INTO logout_trail.dedupe (key, "index") SELECT p.key, p.spot FROM placed p WHERE p.known IS NULL
  ), written AS (
    INSERT INTO logout_trail.entries
    SELECT p.spot, p.kind, p.source, p.occurred_at, recorded, p.session_id, p.user_id, p.client_id, p.actor_id, p.org_id,
           p.ip, p.user_agent, p.city, p.country, p.azp, p.token_iat, p.token_state, p.request_id, p.trace_id,
           p.clerk_status, p.intent, p.device_type, p.created_at, p.last_active_at, p.expire_at, p.abandon_at
    FROM placed p WHERE p.known IS NULL
  )
  SELECT p.spot, p.known IS NULL FROM placed p ORDER BY p.place;
END $$;

-- Writes what an append writes, takes it back, and leaves when it did so: a commit that reaches the disk.
CREATE FUNCTION logout_trail.check_write(
  the_program integer, the_trail text, the_epoch bigint, seen_index bigint, seen_key bytea, probe_key bytea
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM FROM logout_trail.append(
      the_program, the_trail, the_epoch, seen_index, seen_key, 0, ARRAY[probe_key], ARRAY['trail.exported'], ARRAY['trail'],
      ARRAY[0::bigint], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
      NULL, NULL, NULL, NULL, NULL);
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'LT009';
  -- Not LT000: a code that ends so stands for all of its class, and the refusals of append are of it.
  EXCEPTION WHEN SQLSTATE 'LT009' THEN NULL;
  END;
  -- What was set inside was taken back too.
  IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  UPDATE logout_trail.trail SET checked_at = clock_timestamp() WHERE one = 1;
END $$;

-- For the transaction of a lease's holder: nobody takes the lease before it ends, and a holder that pauses within it is
-- cut off by the server (postgres-lease.ts says more).
CREATE FUNCTION logout_trail.assert_held(the_lease text, the_fence bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('idle_in_transaction_session_timeout', '1000', true);
  PERFORM FROM logout_trail.leases l WHERE l.name = the_lease AND l.fence = the_fence FOR KEY SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the lease % is not held with fence % any more', the_lease, the_fence USING ERRCODE = 'LT004';
  END IF;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA logout_trail FROM PUBLIC;`,
  },
]

export const schemaVersion = migrations.length

/** Two processes that start at once: one migrates, the other waits and finds it done. Any number that nobody else has. */
export const MIGRATION_LOCK = 7_310_868_735_441_893

/** What the service's own role needs, and no more: it need own nothing. */
export function grantsFor(role: string): string {
  return [
    `GRANT USAGE ON SCHEMA logout_trail TO ${role};`,
    `GRANT SELECT ON logout_trail.migrations TO ${role};`,
    `GRANT SELECT, INSERT ON logout_trail.entries, logout_trail.dedupe TO ${role};`,
    `GRANT SELECT, INSERT, UPDATE ON logout_trail.trail, logout_trail.leases TO ${role};`,
    `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA logout_trail TO ${role};`,
  ].join('\n')
}

/** The statements of a migration, with the record that it has run. */
export function stepSql({ sql, worksWith }: Migration, version: number): string {
  return [
    sql,
    '',
    `INSERT INTO logout_trail.migrations (version, works_with) VALUES (${version}, ${worksWith});`,
    '-- Waits for appends under way; those that come after it know. An unfinished copy stays closed to every program.',
    `UPDATE logout_trail.trail SET works_with = ${worksWith} WHERE works_with < ${worksWith};`,
    '',
  ].join('\n')
}

/**
 * What an administrator runs, with a role that may make a schema, instead of the service: from version `from` to this
 * program's. It stops at the first statement that fails, and leaves everything as it was.
 */
export function migrationSql(from = 0): string {
  const steps = migrations.slice(from).map((migration, at) => stepSql(migration, from + at + 1))
  const transaction = [
    `-- logout-trail: the schema logout_trail, from version ${from} to ${schemaVersion}. Run it with psql -v ON_ERROR_STOP=1.`,
    'BEGIN;',
    `SELECT pg_advisory_xact_lock(${MIGRATION_LOCK});`,
    ...steps,
    'COMMIT;',
  ]
  const upToDate = [`-- logout-trail: the schema logout_trail is of version ${from} already.`]
  return [
    ...(steps.length > 0 ? transaction : upToDate),
    '',
    '-- Then, for the role that the service logs in as (here: logout_trail_service):',
    grantsFor('logout_trail_service').replaceAll(/^/gm, '-- '),
    '',
  ].join('\n')
}
