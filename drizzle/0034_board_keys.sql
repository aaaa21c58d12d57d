CREATE TABLE "board_keys" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" text NOT NULL,
	"name" text NOT NULL,
	"key_hash" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "cli_challenges" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"secret_hash" text NOT NULL,
	"pending_key_hash" text NOT NULL,
	"command" text NOT NULL,
	"client_name" text,
	"requested_access" text NOT NULL,
	"requested_company_id" uuid,
	"approved_by_user_id" text,
	"key_id" uuid,
	"approved_at" timestamp (3) with time zone,
	"cancelled_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "cli_challenges" ADD CONSTRAINT "cli_challenges_key_id_board_keys_id_fk" FOREIGN KEY ("key_id") REFERENCES "public"."board_keys"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "board_keys_hash_key" ON "board_keys" USING btree ("key_hash");--> statement-breakpoint
CREATE INDEX "board_keys_user" ON "board_keys" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "cli_challenges_end" ON "cli_challenges" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "cli_challenges_key" ON "cli_challenges" USING btree ("key_id");--> statement-breakpoint
CREATE INDEX "challenges_value" ON "challenges" USING btree ("value");