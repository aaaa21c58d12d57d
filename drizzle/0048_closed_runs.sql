ALTER TABLE "routine_runs" ADD COLUMN "issue_closed" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "routine_triggers" ADD COLUMN "set_by_agent" boolean DEFAULT false NOT NULL;--> statement-breakpoint
DROP INDEX "routine_runs_open";--> statement-breakpoint
CREATE INDEX "routine_runs_active" ON "routine_runs" USING btree ("routine_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE status = 'issue_created';--> statement-breakpoint
CREATE INDEX "routine_runs_closed" ON "routine_runs" USING btree ("created_at","id") WHERE status = 'issue_created' and issue_closed;--> statement-breakpoint
-- The writer of a schedule is the last one. A trigger that a person has written since belongs to that person.
UPDATE routine_triggers SET set_by_agent = true
  WHERE kind = 'schedule' AND (updated_by_agent_id IS NOT NULL OR (updated_by_user_id IS NULL AND created_by_agent_id IS NOT NULL));--> statement-breakpoint
UPDATE routine_runs r SET issue_closed = true WHERE r.status = 'issue_created'
  AND NOT EXISTS (SELECT 1 FROM issues i WHERE i.id = r.linked_issue_id AND i.status NOT IN ('done', 'cancelled'));--> statement-breakpoint
-- In the database, because many statements change the status of issues, and one that forgot the run would leave it open.
CREATE FUNCTION note_closed_issue_of_routine() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE routine_runs SET issue_closed = (TG_OP = 'DELETE' OR NEW.status IN ('done', 'cancelled'))
    WHERE id = OLD.origin_run_id AND linked_issue_id = OLD.id AND status = 'issue_created';
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER issues_of_routines_status AFTER UPDATE OF status ON issues FOR EACH ROW
  WHEN (OLD.origin_kind = 'routine_execution' AND OLD.status IS DISTINCT FROM NEW.status
    AND (OLD.status IN ('done', 'cancelled')) IS DISTINCT FROM (NEW.status IN ('done', 'cancelled')))
  EXECUTE FUNCTION note_closed_issue_of_routine();--> statement-breakpoint
CREATE TRIGGER issues_of_routines_deleted AFTER DELETE ON issues FOR EACH ROW
  WHEN (OLD.origin_kind = 'routine_execution') EXECUTE FUNCTION note_closed_issue_of_routine();
