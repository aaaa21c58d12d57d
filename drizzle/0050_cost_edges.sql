-- A read of a range that begins or ends within an hour reads the events of that hour. With the columns of its sums in the index it reads no table.
DROP INDEX "cost_events_company";--> statement-breakpoint
CREATE INDEX "cost_events_company" ON "cost_events" USING btree ("company_id","occurred_at","id")
	INCLUDE ("agent_id", "project_id", "provider", "biller", "billing_type", "model", "microcents", "input_tokens", "cached_input_tokens", "output_tokens", "is_priced");--> statement-breakpoint
ALTER TABLE "run_costs" ADD COLUMN "first_event_id" uuid;--> statement-breakpoint
ALTER TABLE "run_costs" ADD COLUMN "first_occurred_at" timestamp (3) with time zone;--> statement-breakpoint
UPDATE "run_costs" r SET "first_event_id" = f.id, "first_occurred_at" = f.occurred_at
FROM (SELECT DISTINCT ON (c.run_id, c.is_subscription) c.run_id, c.is_subscription, e.id, e.occurred_at FROM run_costs c
	JOIN cost_events e ON e.heartbeat_run_id = c.run_id AND (e.billing_type = 'subscription_included') = c.is_subscription AND e.created_at = c.created_at
	ORDER BY c.run_id, c.is_subscription, e.id) f
WHERE f.run_id = r.run_id AND f.is_subscription = r.is_subscription;--> statement-breakpoint
DROP INDEX "run_costs_company";--> statement-breakpoint
CREATE INDEX "run_costs_company" ON "run_costs" USING btree ("company_id","first_occurred_at");
