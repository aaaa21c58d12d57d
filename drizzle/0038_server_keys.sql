ALTER TABLE "server_secrets" ADD COLUMN "run_key_id" text;--> statement-breakpoint
ALTER TABLE "server_secrets" ADD COLUMN "session_fingerprint" text;