CREATE TABLE "audit_witnesses" (
	"key_id" text PRIMARY KEY NOT NULL,
	"place" text NOT NULL,
	"line" bigint NOT NULL,
	"signature" text NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
-- The number of a home's last line never goes back: an older copy would cover a file that was cut.
CREATE FUNCTION keep_witness_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the line of witness % may not go back from % to %', OLD.key_id, OLD.line, NEW.line;
END $$;
--> statement-breakpoint
CREATE TRIGGER audit_witnesses_line BEFORE UPDATE ON audit_witnesses FOR EACH ROW
  WHEN (NEW.line < OLD.line OR NEW.key_id <> OLD.key_id) EXECUTE FUNCTION keep_witness_line();
