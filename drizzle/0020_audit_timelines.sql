ALTER TABLE "audit_witnesses" ADD COLUMN "cluster" text;--> statement-breakpoint
-- How far the counter of tickets is, and the newest ticket that a row has. A database whose rows were restored without the
-- sequence has rows with tickets of the future.
CREATE FUNCTION event_ticket_lag(OUT counter bigint, OUT newest bigint) LANGUAGE sql STABLE AS $$
  SELECT (SELECT last_value FROM event_tickets), greatest(
    (SELECT txid::text::bigint FROM activity_log ORDER BY txid DESC LIMIT 1),
    (SELECT txid::text::bigint FROM heartbeat_run_events ORDER BY txid DESC LIMIT 1),
    (SELECT txid::text::bigint FROM activity_chain ORDER BY txid DESC LIMIT 1), 0)
$$;
--> statement-breakpoint
-- Moves the counter in front of the rows, and never back. The application may only use the sequence; what this function does is harmless
-- whoever calls it. The lock keeps a second caller from setting back what writers have taken since the first.
CREATE FUNCTION raise_event_tickets() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  lag record;
BEGIN
  PERFORM pg_advisory_xact_lock(7203313);
  SELECT * INTO lag FROM event_ticket_lag();
  IF lag.newest > lag.counter THEN
    PERFORM setval('event_tickets', lag.newest);
  END IF;
  RETURN greatest(lag.newest, lag.counter);
END $$;
