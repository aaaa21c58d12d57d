CREATE TABLE "execution_workspaces" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"project_id" uuid NOT NULL,
	"project_workspace_id" uuid NOT NULL,
	"source_issue_id" uuid NOT NULL,
	"agent_id" uuid NOT NULL,
	"name" text NOT NULL,
	"status" text DEFAULT 'preparing' NOT NULL,
	"repository" text NOT NULL,
	"worktree_name" text NOT NULL,
	"branch_name" text NOT NULL,
	"base_ref" text,
	"base_commit" text,
	"folder_mark" uuid NOT NULL,
	"cwd" text NOT NULL,
	"reuse_policy" text NOT NULL,
	"close_policy" text NOT NULL,
	"metadata" jsonb,
	"lease_run_id" uuid,
	"claimed_by" text,
	"claimed_until" timestamp (3) with time zone,
	"next_check_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"closed_at" timestamp (3) with time zone,
	"closed_reason" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "execution_workspaces_status_check" CHECK (status in ('preparing', 'open', 'closing', 'archived')),
	CONSTRAINT "execution_workspaces_reason_check" CHECK (closed_reason in ('board', 'issue_closed', 'not_made', 'folder_missing')),
	CONSTRAINT "execution_workspaces_closed_check" CHECK ((status = 'archived') = (closed_at is not null) and (status = 'archived') = (closed_reason is not null)),
	CONSTRAINT "execution_workspaces_claim_check" CHECK ((status in ('preparing', 'closing')) = (claimed_by is not null) and (claimed_by is null) = (claimed_until is null))
);
--> statement-breakpoint
CREATE TABLE "workspace_operations" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	"run_id" uuid,
	"phase" text NOT NULL,
	"status" text DEFAULT 'running' NOT NULL,
	"error" text,
	"log" text DEFAULT '' NOT NULL,
	"log_bytes" integer DEFAULT 0 NOT NULL,
	"number" bigint GENERATED ALWAYS AS IDENTITY (sequence name "workspace_operations_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "workspace_operations_phase_check" CHECK (phase in ('create', 'close')),
	CONSTRAINT "workspace_operations_status_check" CHECK (status in ('running', 'succeeded', 'failed')),
	CONSTRAINT "workspace_operations_finished_check" CHECK ((status = 'running') = (finished_at is null))
);
--> statement-breakpoint
ALTER TABLE "execution_workspaces" ADD CONSTRAINT "execution_workspaces_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_operations" ADD CONSTRAINT "workspace_operations_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_operations" ADD CONSTRAINT "workspace_operations_workspace_id_execution_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."execution_workspaces"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "execution_workspaces_company" ON "execution_workspaces" USING btree ("company_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "execution_workspaces_issue" ON "execution_workspaces" USING btree ("source_issue_id");--> statement-breakpoint
CREATE INDEX "execution_workspaces_unclosed" ON "execution_workspaces" USING btree ("folder_mark","next_check_at") WHERE status <> 'archived';--> statement-breakpoint
CREATE INDEX "execution_workspaces_closed" ON "execution_workspaces" USING btree ("closed_at") WHERE status = 'archived';--> statement-breakpoint
CREATE UNIQUE INDEX "execution_workspaces_lease_key" ON "execution_workspaces" USING btree ("lease_run_id") WHERE status in ('preparing', 'open');--> statement-breakpoint
CREATE INDEX "workspace_operations_workspace" ON "workspace_operations" USING btree ("workspace_id","number");--> statement-breakpoint
CREATE INDEX "workspace_operations_company" ON "workspace_operations" USING btree ("company_id");--> statement-breakpoint
CREATE INDEX "workspace_operations_run" ON "workspace_operations" USING btree ("run_id") WHERE run_id is not null;
