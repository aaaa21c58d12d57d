-- The order of events. A transaction takes a ticket with its first event and not, as before, with its first write: mutate
-- writes events together with COMMIT, so a ticket is held for an instant however long its transaction took. See
-- doc/subsystems/events.md, "The order".
CREATE SEQUENCE event_tickets;
--> statement-breakpoint
GRANT USAGE, SELECT ON SEQUENCE event_tickets TO PUBLIC;
--> statement-breakpoint
-- A transaction announces itself before it takes its ticket: a shared advisory lock, which waits for nobody and names the
-- last ticket of before. From here to COMMIT a session of this server may idle a second at most, because readers wait for
-- it. A session without any such limit keeps none.
CREATE FUNCTION take_event_ticket() RETURNS xid8 LANGUAGE plpgsql AS $$
DECLARE
  ticket text := current_setting('paperclip.event_ticket', true);
BEGIN
  IF ticket <> '' THEN
    RETURN ticket::xid8;
  END IF;
  PERFORM pg_advisory_xact_lock_shared(7203312, (last_value & 2147483647)::int) FROM event_tickets;
  ticket := nextval('event_tickets')::text;
  PERFORM set_config('paperclip.event_ticket', ticket, true);
  IF current_setting('idle_in_transaction_session_timeout') <> '0' THEN
    PERFORM set_config('idle_in_transaction_session_timeout', '1000', true);
  END IF;
  RETURN ticket::xid8;
END $$;
--> statement-breakpoint
-- The last ticket up to which every transaction has ended, and the newest ticket. First the counter, then who is announced: whoever announces
-- itself later takes a later ticket. A lock holds 31 bits of a ticket, which are read as the number nearest to the counter.
CREATE FUNCTION event_horizon(OUT horizon xid8, OUT newest xid8) LANGUAGE plpgsql AS $$
DECLARE
  counter bigint;
  oldest bigint;
BEGIN
  SELECT last_value INTO counter FROM event_tickets;
  SELECT min(counter + ((objid::bigint - counter + 1073741824) & 2147483647) - 1073741824) INTO oldest FROM pg_locks
  WHERE locktype = 'advisory' AND classid = 7203312 AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
  horizon := least(counter, oldest)::text::xid8;
  newest := counter::text::xid8;
END $$;
--> statement-breakpoint
ALTER TABLE "activity_log" ALTER COLUMN "txid" SET DEFAULT take_event_ticket();--> statement-breakpoint
ALTER TABLE "heartbeat_run_events" ALTER COLUMN "txid" SET DEFAULT take_event_ticket();--> statement-breakpoint
-- Both tables are locked now, so every row of an older release is here or never will be. Tickets go on behind their
-- transaction ids: cursors that clients keep stay valid, and chains stay in order.
SELECT setval('event_tickets', greatest(
  pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
  (SELECT txid::text::bigint FROM "activity_log" ORDER BY txid DESC LIMIT 1),
  (SELECT txid::text::bigint FROM "heartbeat_run_events" ORDER BY txid DESC LIMIT 1),
  (SELECT txid::text::bigint FROM "activity_chain" ORDER BY txid DESC LIMIT 1)));
