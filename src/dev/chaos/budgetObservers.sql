-- Used only by the chaos test, after observers.sql: triggers look at budgets in every commit (I11).
--
-- They are exact because of the lock of the policy: a transaction that reserves or charges holds it from its decision until its commit, so at the commit
-- the row of the window is still the one by which it decided, with what it did itself. A reader beside it has no such moment.
CREATE TABLE chaos.grants (run_id uuid, policy_id uuid, PRIMARY KEY (run_id, policy_id));
CREATE TABLE chaos.crossings (
  policy_id uuid, window_start timestamptz, revision int, txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (policy_id, window_start, revision));

-- A reservation is granted only when what is spent and reserved, with the reservation itself, is within the limit.
CREATE FUNCTION chaos.check_grant() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE state record;
BEGIN
  INSERT INTO chaos.grants VALUES (NEW.run_id, NEW.policy_id) ON CONFLICT DO NOTHING;
  SELECT p.scope_type, p.amount::bigint * 1000000 AS most, w.spent, w.reserved,
    (SELECT coalesce(sum(r.remaining), 0) FROM budget_reservations r WHERE r.policy_id = p.id AND r.window_start = w.window_start) AS kept
    INTO state FROM budget_policies p JOIN budget_windows w ON w.policy_id = p.id AND w.window_start = NEW.window_start
    WHERE p.id = NEW.policy_id AND p.is_active AND p.hard_stop_enabled;
  IF FOUND AND state.spent + greatest(state.reserved, state.kept) > state.most THEN
    PERFORM chaos.report_violation('granted', format('run %s got a part of the limit of the %s: spent %s and reserved %s (rows %s) of %s',
      NEW.run_id, state.scope_type, state.spent, state.reserved, state.kept, state.most));
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_grant AFTER INSERT ON budget_reservations DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION chaos.check_grant();

CREATE FUNCTION chaos.note_crossing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chaos.crossings VALUES (NEW.policy_id, NEW.window_start, NEW.policy_revision) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN PERFORM chaos.report_violation('crossings', format('policy %s has a second hard incident', NEW.policy_id)); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER note_crossing AFTER INSERT ON budget_incidents FOR EACH ROW WHEN (NEW.threshold_type = 'hard')
  EXECUTE FUNCTION chaos.note_crossing();

-- The event that crosses a limit records it, and behind the crossing of a limit only those runs spend that had begun before: they have reserved of
-- the limit, which nothing may behind the crossing, or had started. So what is spent beyond the limit is what they report before they end.
CREATE FUNCTION chaos.check_spending() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE p record;
BEGIN
  FOR p IN SELECT bp.id, bp.scope_type, bp.amount, bp.revision, w.window_start, w.spent FROM budget_policies bp
    JOIN budget_windows w ON w.policy_id = bp.id AND w.window_start = CASE WHEN bp.window_kind = 'lifetime' THEN timestamptz '1970-01-01T00:00:00Z'
      ELSE date_trunc('month', NEW.occurred_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' END
    WHERE bp.company_id = NEW.company_id AND bp.is_active AND bp.hard_stop_enabled AND (bp.scope_type = 'company'
      OR (bp.scope_type = 'agent' AND bp.scope_id = NEW.agent_id) OR (bp.scope_type = 'project' AND bp.scope_id = NEW.project_id)) LOOP
    IF p.spent >= p.amount::bigint * 1000000 AND NOT EXISTS (SELECT 1 FROM budget_incidents i WHERE i.policy_id = p.id
      AND i.window_start = p.window_start AND i.threshold_type = 'hard' AND i.policy_revision = p.revision) THEN
      PERFORM chaos.report_violation('crossings', format('the limit of the %s is crossed (%s of %s cents) and no incident says so',
        p.scope_type, p.spent / 1000000, p.amount));
    END IF;
    IF NEW.corrects_id IS NULL AND EXISTS (SELECT 1 FROM chaos.crossings c JOIN heartbeat_runs r ON r.id = NEW.heartbeat_run_id
      WHERE c.policy_id = p.id AND c.window_start = p.window_start AND c.revision = p.revision AND c.txid <> pg_current_xact_id()
        AND r.started_at > c.at AND NOT EXISTS (SELECT 1 FROM chaos.grants g WHERE g.run_id = r.id AND g.policy_id = p.id)) THEN
      PERFORM chaos.report_violation('overspent', format('run %s spends of the limit of the %s, which was crossed before it started',
        NEW.heartbeat_run_id, p.scope_type));
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_spending AFTER INSERT ON cost_events DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION chaos.check_spending();

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA chaos TO PUBLIC;
