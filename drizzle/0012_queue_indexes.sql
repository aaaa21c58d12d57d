DROP INDEX "heartbeat_runs_unended";--> statement-breakpoint
DROP INDEX "heartbeat_runs_unended_agent";--> statement-breakpoint
DROP INDEX "wakes_waiting";--> statement-breakpoint
DROP INDEX "wakes_open";--> statement-breakpoint
CREATE INDEX "heartbeat_runs_unended" ON "heartbeat_runs" USING btree ("lease_expires_at") WHERE coalesce(status in ('queued', 'running'), false);--> statement-breakpoint
CREATE INDEX "heartbeat_runs_unended_agent" ON "heartbeat_runs" USING btree ("status","agent_id","created_at","id") WHERE coalesce(status in ('queued', 'running'), false);--> statement-breakpoint
CREATE INDEX "wakes_waiting" ON "wakes" USING btree ("issue_id","created_at","id") WHERE coalesce(status = 'deferred_issue_execution', false);--> statement-breakpoint
CREATE INDEX "wakes_open" ON "wakes" USING btree ("agent_id","issue_id") WHERE coalesce(status in ('deferred_issue_execution', 'queued', 'claimed'), false);