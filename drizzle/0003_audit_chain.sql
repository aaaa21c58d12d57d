CREATE TABLE "activity_chain" (
	"company_id" uuid NOT NULL,
	"position" bigint NOT NULL,
	"txid" "xid8" NOT NULL,
	"seq" bigint NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "activity_chain_company_id_position_pk" PRIMARY KEY("company_id","position")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "activity_chain_order" ON "activity_chain" USING btree ("txid","seq");--> statement-breakpoint
CREATE INDEX "activity_log_order" ON "activity_log" USING btree ("txid","seq");--> statement-breakpoint
CREATE INDEX "activity_log_kind" ON "activity_log" USING btree ("company_id","entity_type","action","seq" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "activity_log_run" ON "activity_log" USING btree ("run_id","seq" DESC NULLS FIRST) WHERE run_id is not null;--> statement-breakpoint
CREATE INDEX "activity_log_agent" ON "activity_log" USING btree ("agent_id","seq" DESC NULLS FIRST) WHERE agent_id is not null;--> statement-breakpoint
CREATE INDEX "activity_log_people" ON "activity_log" USING btree ("company_id","action","seq" DESC NULLS FIRST) WHERE actor_type = 'user';--> statement-breakpoint
CREATE INDEX "activity_log_time" ON "activity_log" USING brin ("created_at") WITH (pages_per_range=32,autosummarize=true);--> statement-breakpoint
-- What is sealed, and the seals, are append-only for everyone who does not drop these triggers first.
CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
END $$;
--> statement-breakpoint
CREATE TRIGGER activity_chain_append_only BEFORE UPDATE OR DELETE ON activity_chain FOR EACH ROW
  EXECUTE FUNCTION refuse_audit_change();
--> statement-breakpoint
CREATE TRIGGER activity_chain_no_truncate BEFORE TRUNCATE ON activity_chain FOR EACH STATEMENT
  EXECUTE FUNCTION refuse_audit_change();
