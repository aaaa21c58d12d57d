/** SQL of the clock that a test moves. */
export const CLOCK_SQL = `
-- Tests only: a clock that a test moves. The functions hide those of pg_catalog, because the search path of the logins of
-- a test cluster names this schema first. Databases without the schema, as every one outside of the tests, have the real
-- time: nothing in the program names it. Run before the migrations, so that defaults of columns use it as well.
CREATE SCHEMA clock;
CREATE TABLE clock.shift (is_only_row boolean PRIMARY KEY DEFAULT true CHECK (is_only_row), added interval NOT NULL DEFAULT '0');
INSERT INTO clock.shift DEFAULT VALUES;
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
  AS 'select pg_catalog.now() + added from clock.shift';
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
  AS 'select pg_catalog.clock_timestamp() + added from clock.shift';
GRANT USAGE ON SCHEMA clock TO PUBLIC;
GRANT SELECT ON clock.shift TO PUBLIC;
`
