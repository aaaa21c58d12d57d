CREATE TABLE "wake_skips" (
	"agent_id" uuid NOT NULL,
	"reason" text NOT NULL,
	"count" bigint NOT NULL,
	"last_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "wake_skips_agent_id_reason_pk" PRIMARY KEY("agent_id","reason")
);
--> statement-breakpoint
ALTER TABLE "wake_skips" ADD CONSTRAINT "wake_skips_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agents_timer" ON "agents" USING btree ("next_timer_at") WHERE jsonb_typeof(runtime_config #> '{heartbeat,intervalSec}') = 'number';--> statement-breakpoint
CREATE INDEX "heartbeat_run_log_chunks_age" ON "heartbeat_run_log_chunks" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "heartbeat_runs_issue" ON "heartbeat_runs" USING btree ("issue_id") WHERE issue_id is not null;--> statement-breakpoint
CREATE INDEX "wakes_issue" ON "wakes" USING btree ("issue_id","agent_id","created_at") WHERE issue_id is not null;--> statement-breakpoint
CREATE INDEX "wakes_finished" ON "wakes" USING btree ("finished_at") WHERE finished_at is not null;