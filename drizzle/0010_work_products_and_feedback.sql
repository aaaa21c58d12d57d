CREATE TABLE "feedback_traces" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"issue_id" uuid NOT NULL,
	"feedback_vote_id" uuid NOT NULL,
	"status" text NOT NULL,
	"target_summary" jsonb NOT NULL,
	"payload_snapshot" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "feedback_traces_status_check" CHECK (status in ('local_only', 'pending'))
);
--> statement-breakpoint
CREATE TABLE "feedback_votes" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"issue_id" uuid NOT NULL,
	"target_type" text NOT NULL,
	"target_id" uuid NOT NULL,
	"author_user_id" text NOT NULL,
	"vote" text NOT NULL,
	"reason" text,
	"is_shared" boolean NOT NULL,
	"shared_at" timestamp (3) with time zone,
	"consent_version" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "feedback_votes_target_check" CHECK (target_type in ('issue_comment', 'issue_document_revision')),
	CONSTRAINT "feedback_votes_vote_check" CHECK (vote in ('up', 'down'))
);
--> statement-breakpoint
CREATE TABLE "issue_work_products" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"project_id" uuid,
	"issue_id" uuid NOT NULL,
	"execution_workspace_id" uuid,
	"runtime_service_id" uuid,
	"type" text NOT NULL,
	"provider" text NOT NULL,
	"external_id" text,
	"title" text NOT NULL,
	"url" text,
	"status" text DEFAULT 'active' NOT NULL,
	"review_state" text DEFAULT 'none' NOT NULL,
	"is_primary" boolean DEFAULT false NOT NULL,
	"health_status" text DEFAULT 'unknown' NOT NULL,
	"summary" text,
	"metadata" jsonb,
	"created_by_run_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "issue_work_products_type_check" CHECK (type in ('preview_url', 'runtime_service', 'pull_request', 'branch', 'commit', 'artifact', 'document')),
	CONSTRAINT "issue_work_products_status_check" CHECK (status in ('active', 'ready_for_review', 'approved', 'changes_requested', 'merged', 'closed', 'failed', 'archived', 'draft')),
	CONSTRAINT "issue_work_products_review_check" CHECK (review_state in ('none', 'needs_board_review', 'approved', 'changes_requested')),
	CONSTRAINT "issue_work_products_health_check" CHECK (health_status in ('unknown', 'healthy', 'unhealthy'))
);
--> statement-breakpoint
ALTER TABLE "feedback_traces" ADD CONSTRAINT "feedback_traces_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "feedback_traces" ADD CONSTRAINT "feedback_traces_issue_id_issues_id_fk" FOREIGN KEY ("issue_id") REFERENCES "public"."issues"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "feedback_traces" ADD CONSTRAINT "feedback_traces_feedback_vote_id_feedback_votes_id_fk" FOREIGN KEY ("feedback_vote_id") REFERENCES "public"."feedback_votes"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "feedback_votes" ADD CONSTRAINT "feedback_votes_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "feedback_votes" ADD CONSTRAINT "feedback_votes_issue_id_issues_id_fk" FOREIGN KEY ("issue_id") REFERENCES "public"."issues"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "issue_work_products" ADD CONSTRAINT "issue_work_products_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "issue_work_products" ADD CONSTRAINT "issue_work_products_project_id_projects_id_fk" FOREIGN KEY ("project_id") REFERENCES "public"."projects"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "issue_work_products" ADD CONSTRAINT "issue_work_products_issue_id_issues_id_fk" FOREIGN KEY ("issue_id") REFERENCES "public"."issues"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "feedback_traces_vote" ON "feedback_traces" USING btree ("feedback_vote_id");--> statement-breakpoint
CREATE INDEX "feedback_traces_company" ON "feedback_traces" USING btree ("company_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "feedback_traces_issue" ON "feedback_traces" USING btree ("issue_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE UNIQUE INDEX "feedback_votes_key" ON "feedback_votes" USING btree ("target_id","target_type","author_user_id");--> statement-breakpoint
CREATE INDEX "feedback_votes_issue" ON "feedback_votes" USING btree ("issue_id","author_user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "issue_work_products_issue" ON "issue_work_products" USING btree ("issue_id","is_primary" DESC NULLS FIRST,"created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE UNIQUE INDEX "issue_work_products_primary" ON "issue_work_products" USING btree ("issue_id") WHERE is_primary;--> statement-breakpoint
CREATE INDEX "issue_work_products_project" ON "issue_work_products" USING btree ("project_id") WHERE project_id is not null;