CREATE TABLE "board_claims" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"token_hash" text NOT NULL,
	"code_hash" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"claimed_by_user_id" text,
	"claimed_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "invites" ADD COLUMN "invited_by_agent_id" uuid;--> statement-breakpoint
ALTER TABLE "join_requests" ADD COLUMN "approved_by_agent_id" uuid;--> statement-breakpoint
ALTER TABLE "join_requests" ADD COLUMN "rejected_by_agent_id" uuid;--> statement-breakpoint
CREATE UNIQUE INDEX "board_claims_token_key" ON "board_claims" USING btree ("token_hash");--> statement-breakpoint
CREATE INDEX "board_claims_end" ON "board_claims" USING btree ("expires_at");