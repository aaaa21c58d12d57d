CREATE TABLE "company_data_keys" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"wrapped" "bytea" NOT NULL,
	"master_key_id" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "run_secrets" (
	"run_id" uuid NOT NULL,
	"secret_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"company_id" uuid NOT NULL,
	CONSTRAINT "run_secrets_run_id_secret_id_version_pk" PRIMARY KEY("run_id","secret_id","version")
);
--> statement-breakpoint
CREATE TABLE "company_secret_versions" (
	"secret_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"company_id" uuid NOT NULL,
	"key_id" uuid,
	"sealed" "bytea",
	"external_ref" text,
	"created_by_user_id" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "company_secret_versions_secret_id_version_pk" PRIMARY KEY("secret_id","version"),
	CONSTRAINT "company_secret_versions_value_check" CHECK ((key_id is null) = (sealed is null) and (sealed is null) = (external_ref is not null))
);
--> statement-breakpoint
CREATE TABLE "company_secrets" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"name" text NOT NULL,
	"provider" text DEFAULT 'local_encrypted' NOT NULL,
	"external_ref" text,
	"latest_version" integer DEFAULT 1 NOT NULL,
	"description" text,
	"created_by_agent_id" uuid,
	"created_by_user_id" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vault_state" (
	"id" smallint PRIMARY KEY NOT NULL,
	"master_key_id" text NOT NULL,
	"canary" "bytea" NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "vault_state_id_check" CHECK (id = 1)
);
--> statement-breakpoint
ALTER TABLE "company_data_keys" ADD CONSTRAINT "company_data_keys_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_secrets" ADD CONSTRAINT "run_secrets_run_id_heartbeat_runs_id_fk" FOREIGN KEY ("run_id") REFERENCES "public"."heartbeat_runs"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "run_secrets" ADD CONSTRAINT "run_secrets_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "company_secret_versions" ADD CONSTRAINT "company_secret_versions_secret_id_company_secrets_id_fk" FOREIGN KEY ("secret_id") REFERENCES "public"."company_secrets"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "company_secret_versions" ADD CONSTRAINT "company_secret_versions_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "company_secret_versions" ADD CONSTRAINT "company_secret_versions_key_id_company_data_keys_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."company_data_keys"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "company_secrets" ADD CONSTRAINT "company_secrets_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "company_data_keys_key" ON "company_data_keys" USING btree ("company_id","version");--> statement-breakpoint
CREATE INDEX "run_secrets_secret" ON "run_secrets" USING btree ("secret_id");--> statement-breakpoint
CREATE INDEX "company_secret_versions_company" ON "company_secret_versions" USING btree ("company_id");--> statement-breakpoint
CREATE UNIQUE INDEX "company_secrets_name_key" ON "company_secrets" USING btree ("company_id",lower("name"));--> statement-breakpoint
CREATE INDEX "company_secrets_company" ON "company_secrets" USING btree ("company_id","created_at","id");