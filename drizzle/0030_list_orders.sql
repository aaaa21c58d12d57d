DROP INDEX "issue_labels_label";--> statement-breakpoint
DROP INDEX "issues_assignee";--> statement-breakpoint
DROP INDEX "activity_log_people";--> statement-breakpoint
CREATE INDEX "issue_labels_label" ON "issue_labels" USING btree ("label_id","issue_id");--> statement-breakpoint
CREATE INDEX "issues_assignee" ON "issues" USING btree ("assignee_agent_id","status","priority_rank","updated_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE assignee_agent_id is not null;--> statement-breakpoint
CREATE INDEX "activity_log_people" ON "activity_log" USING btree ("company_id","action","seq" DESC NULLS FIRST) WHERE actor_type = 'user' and case action
  when 'issue.released' then coalesce(details ->> 'previousCheckoutRunId', details ->> 'previousExecutionRunId',
    details ->> 'checkoutRunId', details ->> 'executionRunId') is not null
  when 'issue.deleted' then coalesce(details ->> 'previousCheckoutRunId', details ->> 'previousExecutionRunId',
    details ->> 'checkoutRunId', details ->> 'executionRunId') is not null
  when 'issue.lock_cleared' then details -> 'evicted' = 'true' else true end;
--> statement-breakpoint
-- The same figures as before. Without the names of the tables, `txid` in an order is the number that is selected, which no index has: each start
-- read the whole log.
CREATE OR REPLACE FUNCTION event_ticket_lag(OUT counter bigint, OUT newest bigint) LANGUAGE sql STABLE AS $$
  SELECT (SELECT last_value FROM event_tickets), greatest(
    (SELECT l.txid::text::bigint FROM activity_log l ORDER BY l.txid DESC LIMIT 1),
    (SELECT e.txid::text::bigint FROM heartbeat_run_events e ORDER BY e.txid DESC LIMIT 1),
    (SELECT c.txid::text::bigint FROM activity_chain c ORDER BY c.txid DESC LIMIT 1), 0)
$$;
