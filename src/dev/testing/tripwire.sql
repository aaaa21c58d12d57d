-- Tests only: Postgres itself refuses a transaction that changed a table of the domain and left no audit row, whatever
-- way it took (I6). The audit row carries its transaction's ticket, so the check is one look at the end of the commit.
CREATE FUNCTION require_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('paperclip.fixture', true) = 'on' THEN RETURN NULL; END IF;
  -- An audit row is never removed, so one look is enough for all rows of a transaction.
  IF current_setting('paperclip.audited', true) = pg_current_xact_id()::text THEN RETURN NULL; END IF;
  IF NOT EXISTS (SELECT 1 FROM activity_log WHERE txid = nullif(current_setting('paperclip.event_ticket', true), '')::xid8
      AND xmin = pg_current_xact_id()::xid) THEN
    RAISE EXCEPTION 'unaudited % of %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'TRIPW';
  END IF;
  PERFORM set_config('paperclip.audited', pg_current_xact_id()::text, true);
  RETURN NULL;
END $$;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['companies', 'company_memberships', 'principal_permission_grants', 'issues',
    'issue_comments', 'issue_blockers', 'issue_labels', 'labels', 'issue_lock_evictions', 'wakes', 'projects', 'goals',
    'approvals', 'approval_comments', 'issue_approvals', 'agent_config_revisions', 'deletions', 'project_goals', 'project_workspaces', 'issue_documents',
    'issue_document_revisions', 'issue_thread_interactions', 'issue_attachments', 'assets', 'asset_contents',
    'issue_work_products', 'feedback_votes', 'feedback_traces', 'issue_read_states', 'issue_inbox_archives', 'inbox_dismissals', 'instance_settings', 'people', 'logins',
    'instance_administrators', 'invites', 'join_requests', 'board_keys', 'second_factors', 'recovery_codes', 'cost_events',
    'run_costs', 'finance_events', 'routines', 'routine_triggers', 'routine_runs', 'budget_policies', 'budget_windows', 'budget_reservations', 'budget_incidents',
    'company_data_keys', 'company_secrets', 'company_secret_versions', 'run_secrets',
    'company_skills', 'company_skill_files', 'instruction_bundles', 'instruction_files', 'workspace_operations'] LOOP
    EXECUTE format('CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR UPDATE OR DELETE ON %I
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit()', name);
  END LOOP;
END $$;

-- Sign-ins, questions of command lines and claims of the instance that ended by themselves are forgotten without an audit row.
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR UPDATE ON sign_ins
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR UPDATE ON cli_challenges
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR UPDATE ON board_claims
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit();

-- Leases, last-seen marks, supervision, logs and traces of the processes of runs, and the clocks of agents and keys are telemetry; everything else about them is not.
CREATE FUNCTION telemetry_of_runs() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT '{lease_expires_at,last_seen_at,stop_ordered_at,supervisor_id,process_identity,process_pid,process_started_at,log_store,log_ref,log_bytes,
    log_sha256,log_compressed,stdout_excerpt,stderr_excerpt,updated_at,lease_seconds,external_run_id,exit_code,signal,usage_json}'::text[]
$$;
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR DELETE ON heartbeat_runs
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire_update AFTER UPDATE ON heartbeat_runs
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (to_jsonb(OLD) - telemetry_of_runs() IS DISTINCT FROM to_jsonb(NEW) - telemetry_of_runs())
  EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR DELETE ON agents
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire_update AFTER UPDATE ON agents
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (to_jsonb(OLD) - '{last_heartbeat_at,next_timer_at}'::text[]
    IS DISTINCT FROM to_jsonb(NEW) - '{last_heartbeat_at,next_timer_at}'::text[]) EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR DELETE ON agent_api_keys
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire_update AFTER UPDATE ON agent_api_keys
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (to_jsonb(OLD) - 'last_used_at' IS DISTINCT FROM to_jsonb(NEW) - 'last_used_at')
  EXECUTE FUNCTION require_audit();

-- Which server serves a webhook, how far it has come and when it tries again is telemetry; the events themselves are the record.
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR DELETE ON webhook_endpoints
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit();
CREATE FUNCTION telemetry_of_webhooks() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT '{cursor_txid,cursor_source,cursor_number,consecutive_failures,failing_since,next_attempt_at,last_error,last_success_at,
    lease_epoch,leased_until}'::text[]
$$;
CREATE CONSTRAINT TRIGGER tripwire_update AFTER UPDATE ON webhook_endpoints
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (to_jsonb(OLD) - telemetry_of_webhooks() IS DISTINCT FROM to_jsonb(NEW) - telemetry_of_webhooks())
  EXECUTE FUNCTION require_audit();

-- Which process makes or closes a workspace, and when a server looks at it again, is telemetry.
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT OR DELETE ON execution_workspaces
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire_update AFTER UPDATE ON execution_workspaces
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (to_jsonb(OLD) - '{claimed_by,claimed_until,next_check_at}'::text[]
    IS DISTINCT FROM to_jsonb(NEW) - '{claimed_by,claimed_until,next_check_at}'::text[]) EXECUTE FUNCTION require_audit();

-- The lease of a backup that a server makes is telemetry; that it was requested, made, failed or removed is not.
CREATE CONSTRAINT TRIGGER tripwire AFTER INSERT ON instance_backups
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status = 'requested') EXECUTE FUNCTION require_audit();
CREATE CONSTRAINT TRIGGER tripwire_update AFTER UPDATE ON instance_backups
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.status IN ('done', 'failed', 'removed')) EXECUTE FUNCTION require_audit();
