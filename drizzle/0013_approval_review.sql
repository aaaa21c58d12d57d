CREATE TABLE "approval_readings" (
	"approval_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"shown_hash" text NOT NULL,
	"read_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "approval_readings_approval_id_user_id_pk" PRIMARY KEY("approval_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "approvals" ADD COLUMN "result" jsonb;--> statement-breakpoint
ALTER TABLE "approvals" ADD COLUMN "shown_hash" text;--> statement-breakpoint
ALTER TABLE "approval_readings" ADD CONSTRAINT "approval_readings_approval_id_approvals_id_fk" FOREIGN KEY ("approval_id") REFERENCES "public"."approvals"("id") ON DELETE cascade ON UPDATE no action;