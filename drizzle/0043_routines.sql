CREATE TABLE "routine_runs" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"routine_id" uuid NOT NULL,
	"trigger_id" uuid,
	"source" text NOT NULL,
	"status" text NOT NULL,
	"triggered_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"due_at" timestamp (3) with time zone,
	"idempotency_key" text,
	"replay_key" text,
	"trigger_payload" jsonb,
	"linked_issue_id" uuid,
	"coalesced_into_run_id" uuid,
	"failure_reason" text,
	"dispatch_fingerprint" text,
	"completed_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "routine_runs_status_check" CHECK (status in ('received', 'issue_created', 'coalesced', 'skipped', 'completed', 'failed')),
	CONSTRAINT "routine_runs_source_check" CHECK (source in ('schedule', 'manual', 'api', 'webhook'))
);
--> statement-breakpoint
CREATE TABLE "routine_triggers" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"routine_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"label" text,
	"enabled" boolean DEFAULT true NOT NULL,
	"cron_expression" text,
	"timezone" text,
	"next_run_at" timestamp (3) with time zone,
	"last_due_at" timestamp (3) with time zone,
	"last_fired_at" timestamp (3) with time zone,
	"public_id" text,
	"signing_mode" text,
	"replay_window_sec" integer,
	"secret_version" integer DEFAULT 0 NOT NULL,
	"key_id" uuid,
	"sealed" "bytea",
	"last_rotated_at" timestamp (3) with time zone,
	"last_result" text,
	"created_by_agent_id" uuid,
	"created_by_user_id" text,
	"updated_by_agent_id" uuid,
	"updated_by_user_id" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "routine_triggers_kind_check" CHECK (kind in ('schedule', 'webhook', 'api')),
	CONSTRAINT "routine_triggers_schedule_check" CHECK ((kind = 'schedule') = (cron_expression is not null and timezone is not null)),
	CONSTRAINT "routine_triggers_webhook_check" CHECK ((kind = 'webhook') = (public_id is not null and sealed is not null and key_id is not null)),
	CONSTRAINT "routine_triggers_due_check" CHECK (next_run_at is null or (kind = 'schedule' and enabled))
);
--> statement-breakpoint
CREATE TABLE "routines" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"project_id" uuid,
	"goal_id" uuid,
	"parent_issue_id" uuid,
	"title" text NOT NULL,
	"description" text,
	"assignee_agent_id" uuid,
	"priority" text DEFAULT 'medium' NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"pause_reason" text,
	"concurrency_policy" text DEFAULT 'coalesce_if_active' NOT NULL,
	"catch_up_policy" text DEFAULT 'skip_missed' NOT NULL,
	"variables" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"created_by_agent_id" uuid,
	"created_by_user_id" text,
	"updated_by_agent_id" uuid,
	"updated_by_user_id" text,
	"last_triggered_at" timestamp (3) with time zone,
	"last_enqueued_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "routines_status_check" CHECK (status in ('active', 'paused', 'archived')),
	CONSTRAINT "routines_pause_check" CHECK ((status = 'active') = (pause_reason is null))
);
--> statement-breakpoint
ALTER TABLE "routine_runs" ADD CONSTRAINT "routine_runs_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routine_runs" ADD CONSTRAINT "routine_runs_routine_id_routines_id_fk" FOREIGN KEY ("routine_id") REFERENCES "public"."routines"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routine_triggers" ADD CONSTRAINT "routine_triggers_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routine_triggers" ADD CONSTRAINT "routine_triggers_routine_id_routines_id_fk" FOREIGN KEY ("routine_id") REFERENCES "public"."routines"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routines" ADD CONSTRAINT "routines_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routines" ADD CONSTRAINT "routines_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routines" ADD CONSTRAINT "routines_goal_id_goals_id_fk" FOREIGN KEY ("goal_id") REFERENCES "public"."goals"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routines" ADD CONSTRAINT "routines_assignee_agent_id_agents_id_fk" FOREIGN KEY ("assignee_agent_id") REFERENCES "public"."agents"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "routine_runs_routine" ON "routine_runs" USING btree ("routine_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "routine_runs_company" ON "routine_runs" USING btree ("company_id");--> statement-breakpoint
CREATE INDEX "routine_runs_age" ON "routine_runs" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "routine_runs_due_key" ON "routine_runs" USING btree ("trigger_id","due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "routine_runs_idempotency_key" ON "routine_runs" USING btree ("routine_id",coalesce(trigger_id, routine_id),"idempotency_key") WHERE idempotency_key is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "routine_runs_replay_key" ON "routine_runs" USING btree ("trigger_id","replay_key") WHERE replay_key is not null;--> statement-breakpoint
CREATE INDEX "routine_runs_open" ON "routine_runs" USING btree ("created_at","id") WHERE status = 'issue_created';--> statement-breakpoint
CREATE INDEX "routine_triggers_routine" ON "routine_triggers" USING btree ("routine_id","created_at","id");--> statement-breakpoint
CREATE INDEX "routine_triggers_company" ON "routine_triggers" USING btree ("company_id");--> statement-breakpoint
CREATE UNIQUE INDEX "routine_triggers_public_key" ON "routine_triggers" USING btree ("public_id") WHERE public_id is not null;--> statement-breakpoint
CREATE INDEX "routine_triggers_due" ON "routine_triggers" USING btree ("next_run_at","id") WHERE next_run_at is not null;--> statement-breakpoint
CREATE INDEX "routines_company" ON "routines" USING btree ("company_id","created_at","id");--> statement-breakpoint
CREATE INDEX "routines_assignee" ON "routines" USING btree ("assignee_agent_id") WHERE assignee_agent_id is not null;--> statement-breakpoint
CREATE INDEX "routines_project" ON "routines" USING btree ("project_id") WHERE project_id is not null;--> statement-breakpoint
CREATE INDEX "routines_goal" ON "routines" USING btree ("goal_id") WHERE goal_id is not null;