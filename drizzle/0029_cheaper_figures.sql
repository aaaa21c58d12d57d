DROP TABLE "issue_counts";
--> statement-breakpoint
CREATE TABLE "issue_counts" (
	"company_id" uuid NOT NULL,
	"status" text NOT NULL,
	"slot" integer NOT NULL,
	"issues" integer NOT NULL,
	CONSTRAINT "issue_counts_company_id_status_slot_pk" PRIMARY KEY("company_id","status","slot")
) WITH (fillfactor = 50);
--> statement-breakpoint
INSERT INTO "issue_counts" ("company_id", "status", "slot", "issues")
  SELECT company_id, status, 0, count(*) FROM issues WHERE hidden_at IS NULL GROUP BY company_id, status;
--> statement-breakpoint
-- A session changes rows of its own, so it waits for no other. One statement changes both rows of a move.
CREATE OR REPLACE FUNCTION count_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO public.issue_counts AS c (company_id, status, slot, issues)
      SELECT moved.company_id, moved.status, pg_backend_pid(), moved.change
      FROM (VALUES (OLD.company_id, OLD.status, -1, OLD.hidden_at), (NEW.company_id, NEW.status, 1, NEW.hidden_at)) moved (company_id, status, change, hidden_at)
      WHERE moved.hidden_at IS NULL
      ON CONFLICT (company_id, status, slot) DO UPDATE SET issues = c.issues + excluded.issues;
  ELSIF TG_OP = 'INSERT' AND NEW.hidden_at IS NULL THEN
    INSERT INTO public.issue_counts AS c (company_id, status, slot, issues) VALUES (NEW.company_id, NEW.status, pg_backend_pid(), 1)
      ON CONFLICT (company_id, status, slot) DO UPDATE SET issues = c.issues + 1;
  ELSIF TG_OP = 'DELETE' AND OLD.hidden_at IS NULL THEN
    INSERT INTO public.issue_counts AS c (company_id, status, slot, issues) VALUES (OLD.company_id, OLD.status, pg_backend_pid(), -1)
      ON CONFLICT (company_id, status, slot) DO UPDATE SET issues = c.issues - 1;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
-- An agent that checks an issue out, or gives its own issue back, is or was the assignee, whom the trigger of the issues notes.
DROP TRIGGER issues_people_update ON issues;
--> statement-breakpoint
CREATE TRIGGER issues_people_update AFTER UPDATE OF assignee_agent_id, assignee_user_id ON issues FOR EACH ROW
  WHEN (OLD.assignee_user_id IS DISTINCT FROM NEW.assignee_user_id
    OR NEW.assignee_agent_id IS NOT NULL AND OLD.assignee_agent_id IS DISTINCT FROM NEW.assignee_agent_id)
  EXECUTE FUNCTION note_people_of_issue();
--> statement-breakpoint
DROP TRIGGER activity_log_people ON activity_log;
--> statement-breakpoint
CREATE TRIGGER activity_log_people AFTER INSERT ON activity_log FOR EACH ROW
  WHEN (NEW.actor_type = 'agent' AND NEW.entity_type = 'issue' AND NEW.action <> 'issue.checked_out'
    AND NOT (NEW.action = 'issue.released' AND NEW.details ->> 'previousAssigneeAgentId' IS NOT DISTINCT FROM NEW.actor_id))
  EXECUTE FUNCTION note_acting_agent();
--> statement-breakpoint
CREATE OR REPLACE FUNCTION rebuild_issue_figures() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  TRUNCATE issue_counts, issue_touches, issue_participants;
  INSERT INTO issue_counts (company_id, status, slot, issues)
    SELECT company_id, status, 0, count(*) FROM issues WHERE hidden_at IS NULL GROUP BY company_id, status;
  INSERT INTO issue_touches (issue_id, user_id, is_creator, is_assignee, last_touch_at, is_unread)
    SELECT touch.issue_id, touch.user_id, touch.is_creator, touch.is_assignee, touch.last_at, EXISTS (
      SELECT FROM issue_comments c WHERE c.issue_id = touch.issue_id AND c.author_user_id IS DISTINCT FROM touch.user_id
        AND c.created_at > coalesce(touch.last_at, '-infinity'))
    FROM (
      SELECT issue_id, user_id, bool_or(is_creator) AS is_creator, bool_or(is_assignee) AS is_assignee, max(at) AS last_at FROM (
        SELECT id AS issue_id, created_by_user_id AS user_id, true AS is_creator, false AS is_assignee, created_at AS at
          FROM issues WHERE created_by_user_id IS NOT NULL
        UNION ALL SELECT id, assignee_user_id, false, true, NULL FROM issues WHERE assignee_user_id IS NOT NULL
        UNION ALL SELECT issue_id, author_user_id, false, false, created_at FROM issue_comments WHERE author_user_id IS NOT NULL
        UNION ALL SELECT issue_id, user_id, false, false, last_read_at FROM issue_read_states) every_touch
      GROUP BY issue_id, user_id) touch;
  INSERT INTO issue_participants (issue_id, agent_id, is_creator)
    SELECT issue_id, agent_id, bool_or(is_creator) FROM (
      SELECT id AS issue_id, created_by_agent_id AS agent_id, true AS is_creator FROM issues WHERE created_by_agent_id IS NOT NULL
      UNION ALL SELECT id, assignee_agent_id, false FROM issues WHERE assignee_agent_id IS NOT NULL
      UNION ALL SELECT issue_id, author_agent_id, false FROM issue_comments WHERE author_agent_id IS NOT NULL
      UNION ALL SELECT i.id, l.actor_id::uuid, false FROM activity_log l JOIN issues i ON i.id::text = l.entity_id
        WHERE l.actor_type = 'agent' AND l.entity_type = 'issue' AND l.actor_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$') every_part
    GROUP BY issue_id, agent_id;
END $$;
