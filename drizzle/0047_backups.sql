CREATE TABLE "instance_backups" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"status" text NOT NULL,
	"reason" text NOT NULL,
	"host" text,
	"file" text,
	"bytes" bigint,
	"rows" bigint,
	"sha256" text,
	"error" text,
	"taken_at" timestamp (3) with time zone,
	"leased_until" timestamp (3) with time zone NOT NULL,
	"finished_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "instance_backups_status_check" CHECK (status in ('requested', 'running', 'done', 'failed', 'removed'))
);
--> statement-breakpoint
CREATE UNIQUE INDEX "instance_backups_open" ON "instance_backups" USING btree ((finished_at is null)) WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "instance_backups_order" ON "instance_backups" USING btree ("created_at" DESC NULLS FIRST,"id");--> statement-breakpoint
-- The description of the schema for a backup. The login that the server works with does not see the schema in which the migrations are recorded.
CREATE FUNCTION applied_migrations() RETURNS TABLE (hash text, written_at bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT m.hash, m.created_at FROM drizzle.__drizzle_migrations m;
END $$;
--> statement-breakpoint
-- The last number of each sequence; null for one that gave none out. The login that the server works with may read one of them only.
CREATE FUNCTION sequence_positions() RETURNS TABLE (name text, value bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT c.relname::text, pg_sequence_last_value(c.oid::regclass) FROM pg_class c
    WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace;
END $$;
