CREATE TABLE "run_event_floors" (
	"company_id" uuid PRIMARY KEY NOT NULL,
	"txid" "xid8" NOT NULL,
	"number" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_deliveries" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "webhook_deliveries_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"company_id" uuid NOT NULL,
	"webhook_id" uuid NOT NULL,
	"message_id" text NOT NULL,
	"event" text NOT NULL,
	"cursor" text,
	"attempt" integer NOT NULL,
	"status" integer,
	"error_code" text,
	"error" text,
	"duration_ms" integer NOT NULL,
	"answer" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"url" text NOT NULL,
	"description" text,
	"events" jsonb NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"stopped_at" timestamp (3) with time zone,
	"stopped_reason" text,
	"cursor_txid" "xid8" NOT NULL,
	"cursor_source" smallint NOT NULL,
	"cursor_number" bigint NOT NULL,
	"consecutive_failures" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp (3) with time zone,
	"next_attempt_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_error" text,
	"last_success_at" timestamp (3) with time zone,
	"secret_version" integer DEFAULT 1 NOT NULL,
	"secret_key_id" uuid NOT NULL,
	"secret_sealed" "bytea" NOT NULL,
	"previous_secret_key_id" uuid,
	"previous_secret_sealed" "bytea",
	"previous_secret_until" timestamp (3) with time zone,
	"lease_epoch" bigint DEFAULT 0 NOT NULL,
	"leased_until" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "webhook_endpoints_status_check" CHECK (status in ('active', 'parked', 'disabled')),
	CONSTRAINT "webhook_endpoints_reason_check" CHECK (stopped_reason in ('retries_exhausted', 'log_not_kept', 'gone', 'board')),
	CONSTRAINT "webhook_endpoints_stopped_check" CHECK ((status = 'active') = (stopped_at is null) and (status = 'active') = (stopped_reason is null)),
	CONSTRAINT "webhook_endpoints_previous_check" CHECK ((previous_secret_until is null) = (previous_secret_sealed is null) and (previous_secret_until is null) = (previous_secret_key_id is null))
);
--> statement-breakpoint
ALTER TABLE "run_event_floors" ADD CONSTRAINT "run_event_floors_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_webhook_id_webhook_endpoints_id_fk" FOREIGN KEY ("webhook_id") REFERENCES "public"."webhook_endpoints"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD CONSTRAINT "webhook_endpoints_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_endpoint" ON "webhook_deliveries" USING btree ("webhook_id","id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_age" ON "webhook_deliveries" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "webhook_endpoints_company" ON "webhook_endpoints" USING btree ("company_id","created_at","id");--> statement-breakpoint
CREATE INDEX "webhook_endpoints_due" ON "webhook_endpoints" USING btree ("leased_until") WHERE status = 'active';--> statement-breakpoint
-- Which events of runs older releases have deleted is not known. Those before the oldest that a company still has count as deleted; of a company that has
-- none, all up to now.
INSERT INTO "run_event_floors" ("company_id", "txid", "number")
SELECT c.id, coalesce(e.txid, coalesce(pg_sequence_last_value('event_tickets'), 0)::text::xid8), coalesce(e.id - 1, 9007199254740991)
FROM companies c LEFT JOIN LATERAL (
  SELECT o.txid, o.id FROM heartbeat_run_events o WHERE o.company_id = c.id ORDER BY o.id LIMIT 1) e ON true;
