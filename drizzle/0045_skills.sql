CREATE TABLE "company_skill_files" (
	"skill_id" uuid NOT NULL,
	"company_id" uuid NOT NULL,
	"path" text NOT NULL,
	"content" text NOT NULL,
	CONSTRAINT "company_skill_files_skill_id_path_pk" PRIMARY KEY("skill_id","path")
);
--> statement-breakpoint
CREATE TABLE "company_skills" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"slug" text NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"source_type" text NOT NULL,
	"source_locator" text,
	"content_hash" text NOT NULL,
	"file_count" integer NOT NULL,
	"byte_size" integer NOT NULL,
	"created_by_agent_id" uuid,
	"created_by_user_id" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "company_skills_source_check" CHECK (source_type in ('inline', 'folder') and (source_type = 'folder') = (source_locator is not null))
);
--> statement-breakpoint
CREATE TABLE "instruction_bundles" (
	"agent_id" uuid PRIMARY KEY NOT NULL,
	"company_id" uuid NOT NULL,
	"entry_file" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "instruction_files" (
	"agent_id" uuid NOT NULL,
	"company_id" uuid NOT NULL,
	"path" text NOT NULL,
	"content" text NOT NULL,
	"revision_id" uuid NOT NULL,
	"updated_by_agent_id" uuid,
	"updated_by_user_id" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "instruction_files_agent_id_path_pk" PRIMARY KEY("agent_id","path")
);
--> statement-breakpoint
ALTER TABLE "company_skill_files" ADD CONSTRAINT "company_skill_files_skill_id_company_skills_id_fk" FOREIGN KEY ("skill_id") REFERENCES "public"."company_skills"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "company_skill_files" ADD CONSTRAINT "company_skill_files_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "company_skills" ADD CONSTRAINT "company_skills_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "instruction_bundles" ADD CONSTRAINT "instruction_bundles_agent_id_agents_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."agents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "instruction_bundles" ADD CONSTRAINT "instruction_bundles_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "instruction_files" ADD CONSTRAINT "instruction_files_agent_id_instruction_bundles_agent_id_fk" FOREIGN KEY ("agent_id") REFERENCES "public"."instruction_bundles"("agent_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "instruction_files" ADD CONSTRAINT "instruction_files_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "company_skill_files_company" ON "company_skill_files" USING btree ("company_id");--> statement-breakpoint
CREATE UNIQUE INDEX "company_skills_key" ON "company_skills" USING btree ("company_id","slug");--> statement-breakpoint
CREATE INDEX "company_skills_company" ON "company_skills" USING btree ("company_id","created_at","id");--> statement-breakpoint
CREATE INDEX "instruction_files_company" ON "instruction_files" USING btree ("company_id");