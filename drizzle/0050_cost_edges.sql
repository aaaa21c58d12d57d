-- Readers of costs lock these tables in this order.
LOCK TABLE "cost_rollups", "cost_events", "run_costs" IN ACCESS EXCLUSIVE MODE;--> statement-breakpoint
-- A read of a range that begins or ends within a unit of the sums reads events of that unit. With the columns of its sums in the index it reads no table.
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
--> statement-breakpoint
-- Sums of three hours and of twenty minutes instead of those of an hour: a read of a range adds fewer of them up, and fewer events. All sums are made
-- anew, so that each run is counted with the same event in all of them.
ALTER TABLE "cost_rollups" DROP CONSTRAINT "cost_rollups_grain_check";--> statement-breakpoint
DELETE FROM "cost_rollups";--> statement-breakpoint
INSERT INTO "cost_rollups" (company_id, grain, bucket, agent_id, project_id, provider, biller, billing_type, model, shard, microcents, input_tokens,
	cached_input_tokens, output_tokens, event_count, unpriced_count, run_count)
SELECT e.company_id, g.grain, (CASE g.grain WHEN '3h' THEN date_bin(interval '3 hours', e.at, timestamp '0001-01-01')
	WHEN '20m' THEN date_bin(interval '20 minutes', e.at, timestamp '0001-01-01') ELSE date_trunc(g.grain, e.at) END) AT TIME ZONE 'UTC', e.agent_id,
	e.project_id, e.provider, e.biller, e.billing_type, e.model, 0, sum(e.microcents), sum(e.input_tokens), sum(e.cached_input_tokens), sum(e.output_tokens),
	count(*), count(*) FILTER (WHERE NOT e.is_priced), count(r.first_event_id)
FROM (SELECT *, occurred_at AT TIME ZONE 'UTC' AS at FROM cost_events) e LEFT JOIN run_costs r ON r.first_event_id = e.id
CROSS JOIN (VALUES ('month'), ('day'), ('3h'), ('20m')) g (grain)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;--> statement-breakpoint
ALTER TABLE "cost_rollups" ADD CONSTRAINT "cost_rollups_grain_check" CHECK (grain in ('month', 'day', '3h', '20m'));
