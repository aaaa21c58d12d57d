-- Used only by the chaos test: triggers check every commit inside Postgres and record each violation of a property. They
-- refuse nothing: a refusal would appear as a 500 and hide the violation. Run after testing/tripwire.sql, whose triggers stay.
CREATE SCHEMA chaos;
CREATE TABLE chaos.violations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  property text NOT NULL, detail text NOT NULL,
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(), at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (txid, property));
CREATE TABLE chaos.starts (run_id uuid PRIMARY KEY);
CREATE TABLE chaos.ends (run_id uuid PRIMARY KEY);

CREATE FUNCTION chaos.report_violation(property text, detail text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO chaos.violations (property, detail) VALUES ($1, $2) ON CONFLICT DO NOTHING
$$;

CREATE OR REPLACE FUNCTION require_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM activity_log WHERE txid = nullif(current_setting('paperclip.event_ticket', true), '')::xid8
      AND xmin = pg_current_xact_id()::xid) THEN
    PERFORM chaos.report_violation('audited', format('%s of %s', TG_OP, TG_TABLE_NAME));
  END IF;
  RETURN NULL;
END $$;

-- A run is claimed once and ended once, and the transaction that ends it also clears its issues and writes its audit row.
CREATE FUNCTION chaos.watch_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status NOT IN ('queued', 'running') AND NEW.status <> OLD.status THEN
    PERFORM chaos.report_violation('endsOnce', format('run %s went from %s to %s', NEW.id, OLD.status, NEW.status));
  END IF;
  IF OLD.status = 'running' AND NEW.status = 'running' AND NEW.started_at IS DISTINCT FROM OLD.started_at THEN
    PERFORM chaos.report_violation('claimedOnce', format('run %s was running and was started again', NEW.id));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER watch_run AFTER UPDATE OF status ON heartbeat_runs FOR EACH ROW EXECUTE FUNCTION chaos.watch_run();

CREATE FUNCTION chaos.watch_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.action = 'heartbeat.run_started' THEN
    INSERT INTO chaos.starts VALUES (NEW.entity_id::uuid) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN PERFORM chaos.report_violation('claimedOnce', format('run %s has a second heartbeat.run_started', NEW.entity_id)); END IF;
  ELSE
    INSERT INTO chaos.ends VALUES (NEW.entity_id::uuid) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN PERFORM chaos.report_violation('endsOnce', format('run %s has a second heartbeat.run_finished', NEW.entity_id)); END IF;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER watch_audit AFTER INSERT ON activity_log FOR EACH ROW
  WHEN (NEW.action IN ('heartbeat.run_started', 'heartbeat.run_finished')) EXECUTE FUNCTION chaos.watch_audit();

CREATE FUNCTION chaos.check_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM issues WHERE checkout_run_id = NEW.id OR execution_run_id = NEW.id) THEN
    PERFORM chaos.report_violation('endsWhole', format('run %s ended %s and an issue references it', NEW.id, NEW.status));
  END IF;
  IF NOT EXISTS (SELECT 1 FROM activity_log
      WHERE txid = nullif(current_setting('paperclip.event_ticket', true), '')::xid8
      AND xmin = pg_current_xact_id()::xid AND action = 'heartbeat.run_finished' AND entity_id = NEW.id::text) THEN
    PERFORM chaos.report_violation('audited', format('run %s ended %s without heartbeat.run_finished', NEW.id, NEW.status));
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_end AFTER UPDATE OF status ON heartbeat_runs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (OLD.status IN ('queued', 'running') AND NEW.status NOT IN ('queued', 'running')) EXECUTE FUNCTION chaos.check_end();

-- An issue has at most one live holder, a run of its assignee, and is in progress while it has one. An evicted or ended run
-- never holds it.
CREATE FUNCTION chaos.check_hold() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE issue issues; holders int;
BEGIN
  SELECT * INTO issue FROM issues WHERE id = CASE WHEN TG_TABLE_NAME = 'issues' THEN (to_jsonb(NEW) ->> 'id')::uuid
    ELSE (to_jsonb(NEW) ->> 'issue_id')::uuid END;
  IF NOT FOUND OR num_nonnulls(issue.checkout_run_id, issue.execution_run_id) = 0 THEN RETURN NULL; END IF;
  SELECT count(*) INTO holders FROM heartbeat_runs r WHERE r.id IN (issue.checkout_run_id, issue.execution_run_id)
    AND r.status IN ('queued', 'running') AND r.lease_expires_at > clock_timestamp();
  IF holders > 1 THEN PERFORM chaos.report_violation('holder', format('issue %s has %s live holders', issue.id, holders)); END IF;
  IF EXISTS (SELECT 1 FROM heartbeat_runs r WHERE r.id IN (issue.checkout_run_id, issue.execution_run_id)
    AND r.status IN ('queued', 'running') AND r.lease_expires_at > clock_timestamp()
    AND (r.agent_id IS DISTINCT FROM issue.assignee_agent_id OR r.company_id <> issue.company_id OR issue.status <> 'in_progress')) THEN
    PERFORM chaos.report_violation('holder', format('issue %s has a live holder of another agent or company, or is not in progress', issue.id));
  END IF;
  IF EXISTS (SELECT 1 FROM issue_lock_evictions e
    WHERE e.issue_id = issue.id AND e.run_id IN (issue.checkout_run_id, issue.execution_run_id)) THEN
    PERFORM chaos.report_violation('evicted', format('issue %s is held by a run that was evicted from it', issue.id));
  END IF;
  IF EXISTS (SELECT 1 FROM heartbeat_runs r WHERE r.id IN (issue.checkout_run_id, issue.execution_run_id)
    AND r.status NOT IN ('queued', 'running')) THEN
    PERFORM chaos.report_violation('endsWhole', format('issue %s was written and still references an ended run', issue.id));
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_hold AFTER INSERT OR UPDATE ON issues DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION chaos.check_hold();
CREATE CONSTRAINT TRIGGER check_hold AFTER INSERT ON issue_lock_evictions DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION chaos.check_hold();

-- An audit row with a run id: the run is live at the commit, was not evicted from the issue, and no other live run holds the
-- issue. The server checks the lease a moment before the commit, so the check allows one second between the two. No agent of
-- the chaos test manages another agent, so no agent may write while another run holds the issue.
CREATE FUNCTION chaos.check_write() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.actor_type = 'agent' AND NOT EXISTS (SELECT 1 FROM heartbeat_runs r WHERE r.id = NEW.run_id AND r.agent_id::text = NEW.actor_id
    AND r.status IN ('queued', 'running') AND r.lease_expires_at > clock_timestamp() - interval '1 second') THEN
    PERFORM chaos.report_violation('live', format('%s of %s by run %s, which is dead', NEW.action, NEW.entity_id, NEW.run_id));
  END IF;
  IF NEW.action IN ('issue.created', 'issue.comment_added', 'cost.reported') THEN RETURN NULL; END IF;
  IF EXISTS (SELECT 1 FROM issue_lock_evictions e WHERE e.issue_id = NEW.entity_id::uuid AND e.run_id = NEW.run_id) THEN
    PERFORM chaos.report_violation('evicted', format('%s of %s by run %s, which was evicted from it', NEW.action, NEW.entity_id, NEW.run_id));
  END IF;
  IF EXISTS (SELECT 1 FROM issues i JOIN heartbeat_runs h ON h.id IN (i.checkout_run_id, i.execution_run_id)
    WHERE i.id = NEW.entity_id::uuid AND h.id <> NEW.run_id AND h.status IN ('queued', 'running')
      AND h.lease_expires_at > clock_timestamp()) THEN
    PERFORM chaos.report_violation('holder', format('%s of %s by run %s while another run holds it', NEW.action, NEW.entity_id, NEW.run_id));
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER check_write AFTER INSERT ON activity_log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
  WHEN (NEW.run_id IS NOT NULL AND (NEW.actor_type = 'agent' AND NEW.action IN ('issue.created', 'issue.comment_added', 'issue.updated',
    'issue.checked_out', 'issue.checkout_lock_adopted', 'issue.released', 'cost.reported')
    OR NEW.actor_type = 'system' AND NEW.action = 'issue.checked_out')) EXECUTE FUNCTION chaos.check_write();

-- The triggers act with the login of the application, which owns nothing of this.
GRANT USAGE ON SCHEMA chaos TO PUBLIC;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA chaos TO PUBLIC;
