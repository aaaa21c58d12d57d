-- Every change of an issue counts, whoever makes it: the ETag is made from this number, so no writer may forget it.
CREATE FUNCTION count_issue_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER issues_version BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION count_issue_version();
--> statement-breakpoint
-- The epoch is the fence of the lock protocol: it never goes back.
CREATE FUNCTION keep_lock_epoch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'lock_epoch of issue % may not go back from % to %', OLD.id, OLD.lock_epoch, NEW.lock_epoch;
END $$;
--> statement-breakpoint
CREATE TRIGGER issues_lock_epoch BEFORE UPDATE ON issues FOR EACH ROW
  WHEN (NEW.lock_epoch < OLD.lock_epoch) EXECUTE FUNCTION keep_lock_epoch();
--> statement-breakpoint
-- A terminal run never becomes another: its outcome is what the audit says it is.
CREATE FUNCTION keep_run_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'run % has ended as % and cannot become %', OLD.id, OLD.status, NEW.status;
END $$;
--> statement-breakpoint
CREATE TRIGGER heartbeat_runs_outcome BEFORE UPDATE OF status ON heartbeat_runs FOR EACH ROW
  WHEN (OLD.status IN ('succeeded', 'failed', 'cancelled', 'timed_out') AND NEW.status <> OLD.status)
  EXECUTE FUNCTION keep_run_outcome();
--> statement-breakpoint
-- The audit log is append-only for everyone who does not drop these triggers first.
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'activity_log is append-only: % refused', TG_OP;
END $$;
--> statement-breakpoint
CREATE TRIGGER activity_log_append_only BEFORE UPDATE OR DELETE ON activity_log FOR EACH ROW
  EXECUTE FUNCTION refuse_audit_change();
--> statement-breakpoint
CREATE TRIGGER activity_log_no_truncate BEFORE TRUNCATE ON activity_log FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_audit_change();
