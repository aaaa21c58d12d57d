CREATE TABLE "issue_counts" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "issue_counts_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"company_id" uuid NOT NULL,
	"status" text NOT NULL,
	"issues" integer NOT NULL,
	"is_sum" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
CREATE TABLE "issue_participants" (
	"issue_id" uuid NOT NULL,
	"agent_id" uuid NOT NULL,
	"is_creator" boolean NOT NULL,
	CONSTRAINT "issue_participants_issue_id_agent_id_pk" PRIMARY KEY("issue_id","agent_id")
);
--> statement-breakpoint
CREATE TABLE "issue_touches" (
	"issue_id" uuid NOT NULL,
	"user_id" text NOT NULL,
	"is_creator" boolean NOT NULL,
	"is_assignee" boolean NOT NULL,
	"last_touch_at" timestamp (3) with time zone,
	"is_unread" boolean NOT NULL,
	CONSTRAINT "issue_touches_issue_id_user_id_pk" PRIMARY KEY("issue_id","user_id")
);
--> statement-breakpoint
CREATE INDEX "issue_counts_company" ON "issue_counts" USING btree ("company_id","status");--> statement-breakpoint
CREATE INDEX "issue_counts_changes" ON "issue_counts" USING btree ("id") WHERE not is_sum;--> statement-breakpoint
CREATE INDEX "issue_participants_agent" ON "issue_participants" USING btree ("agent_id","issue_id");--> statement-breakpoint
CREATE INDEX "issue_participants_creator" ON "issue_participants" USING btree ("agent_id","issue_id") WHERE is_creator;--> statement-breakpoint
CREATE INDEX "issue_touches_user" ON "issue_touches" USING btree ("user_id","issue_id");--> statement-breakpoint
CREATE INDEX "issue_touches_creator" ON "issue_touches" USING btree ("user_id","issue_id") WHERE is_creator;--> statement-breakpoint
CREATE INDEX "issue_touches_assignee" ON "issue_touches" USING btree ("user_id","issue_id") WHERE is_assignee;--> statement-breakpoint
CREATE INDEX "issue_touches_unread" ON "issue_touches" USING btree ("user_id","issue_id") WHERE is_unread;--> statement-breakpoint
CREATE INDEX "issues_list_of_project" ON "issues" USING btree ("project_id","status","priority_rank","updated_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE project_id is not null and hidden_at is null;--> statement-breakpoint
CREATE INDEX "issues_project_workspace" ON "issues" USING btree ("project_workspace_id") WHERE project_workspace_id is not null;--> statement-breakpoint
CREATE INDEX "issues_execution_workspace" ON "issues" USING btree ("execution_workspace_id") WHERE execution_workspace_id is not null;--> statement-breakpoint
CREATE INDEX "issues_origin" ON "issues" USING btree ("company_id","origin_id") WHERE origin_id is not null;--> statement-breakpoint
CREATE INDEX "issues_origin_kind" ON "issues" USING btree ("company_id","origin_kind","priority_rank","updated_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE origin_kind <> 'manual';--> statement-breakpoint
CREATE INDEX "heartbeat_runs_ended" ON "heartbeat_runs" USING btree ("company_id","status","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE status in ('succeeded', 'failed', 'cancelled', 'timed_out');--> statement-breakpoint
CREATE INDEX "heartbeat_runs_ended_of_agent" ON "heartbeat_runs" USING btree ("agent_id","status","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST) WHERE status in ('succeeded', 'failed', 'cancelled', 'timed_out');
--> statement-breakpoint
CREATE FUNCTION count_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' AND OLD.hidden_at IS NULL THEN
    INSERT INTO public.issue_counts (company_id, status, issues) VALUES (OLD.company_id, OLD.status, -1);
  END IF;
  IF TG_OP <> 'DELETE' AND NEW.hidden_at IS NULL THEN
    INSERT INTO public.issue_counts (company_id, status, issues) VALUES (NEW.company_id, NEW.status, 1);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER issues_count AFTER INSERT OR DELETE ON issues FOR EACH ROW EXECUTE FUNCTION count_issue();
--> statement-breakpoint
CREATE TRIGGER issues_count_update AFTER UPDATE OF status, hidden_at ON issues FOR EACH ROW
  WHEN (OLD.status <> NEW.status OR (OLD.hidden_at IS NULL) <> (NEW.hidden_at IS NULL)) EXECUTE FUNCTION count_issue();
--> statement-breakpoint
-- Looks again whether a person has touched an issue, and whether a comment came since. The first statement waits for another transaction that
-- looks at the same person; the next ones then see what it has written.
CREATE FUNCTION look_at_touch(issue uuid, person text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  last_touch timestamptz(3);
  creator text;
  assignee text;
  created timestamptz(3);
BEGIN
  PERFORM 1 FROM public.issue_touches t WHERE t.issue_id = issue AND t.user_id = person FOR NO KEY UPDATE;
  SELECT i.created_by_user_id, i.assignee_user_id, i.created_at INTO creator, assignee, created FROM public.issues i WHERE i.id = issue;
  last_touch := greatest(
    (SELECT max(c.created_at) FROM public.issue_comments c WHERE c.issue_id = issue AND c.author_user_id = person),
    (SELECT s.last_read_at FROM public.issue_read_states s WHERE s.issue_id = issue AND s.user_id = person),
    CASE WHEN creator = person THEN created END);
  IF last_touch IS NULL AND assignee IS DISTINCT FROM person THEN
    DELETE FROM public.issue_touches t WHERE t.issue_id = issue AND t.user_id = person;
    RETURN;
  END IF;
  INSERT INTO public.issue_touches AS t (issue_id, user_id, is_creator, is_assignee, last_touch_at, is_unread)
    VALUES (issue, person, creator IS NOT DISTINCT FROM person, assignee IS NOT DISTINCT FROM person, last_touch, EXISTS (
      SELECT FROM public.issue_comments c WHERE c.issue_id = issue AND c.author_user_id IS DISTINCT FROM person
        AND c.created_at > coalesce(last_touch, '-infinity')))
  ON CONFLICT (issue_id, user_id) DO UPDATE
    SET is_creator = excluded.is_creator, is_assignee = excluded.is_assignee, last_touch_at = excluded.last_touch_at, is_unread = excluded.is_unread;
END $$;
--> statement-breakpoint
CREATE FUNCTION note_people_of_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM public.issue_touches WHERE issue_id = OLD.id;
    DELETE FROM public.issue_participants WHERE issue_id = OLD.id;
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    -- A comment that the same statement inserts may have come first.
    IF NEW.created_by_user_id IS NOT NULL THEN
      INSERT INTO public.issue_touches (issue_id, user_id, is_creator, is_assignee, last_touch_at, is_unread)
        VALUES (NEW.id, NEW.created_by_user_id, true, NEW.assignee_user_id IS NOT DISTINCT FROM NEW.created_by_user_id, NEW.created_at, false)
        ON CONFLICT DO NOTHING;
      IF NOT FOUND THEN PERFORM public.look_at_touch(NEW.id, NEW.created_by_user_id); END IF;
    END IF;
    IF NEW.assignee_user_id IS NOT NULL AND NEW.assignee_user_id IS DISTINCT FROM NEW.created_by_user_id THEN
      PERFORM public.look_at_touch(NEW.id, NEW.assignee_user_id);
    END IF;
    IF NEW.created_by_agent_id IS NOT NULL THEN
      INSERT INTO public.issue_participants (issue_id, agent_id, is_creator) VALUES (NEW.id, NEW.created_by_agent_id, true)
        ON CONFLICT (issue_id, agent_id) DO UPDATE SET is_creator = true;
    END IF;
    IF NEW.assignee_agent_id IS NOT NULL THEN
      INSERT INTO public.issue_participants (issue_id, agent_id, is_creator) VALUES (NEW.id, NEW.assignee_agent_id, false) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
  END IF;
  IF NEW.assignee_agent_id IS NOT NULL THEN
    INSERT INTO public.issue_participants (issue_id, agent_id, is_creator) VALUES (NEW.id, NEW.assignee_agent_id, false) ON CONFLICT DO NOTHING;
  END IF;
  IF OLD.assignee_user_id IS NOT NULL THEN PERFORM public.look_at_touch(NEW.id, OLD.assignee_user_id); END IF;
  IF NEW.assignee_user_id IS NOT NULL THEN PERFORM public.look_at_touch(NEW.id, NEW.assignee_user_id); END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER issues_people AFTER INSERT OR DELETE ON issues FOR EACH ROW EXECUTE FUNCTION note_people_of_issue();
--> statement-breakpoint
CREATE TRIGGER issues_people_update AFTER UPDATE OF assignee_agent_id, assignee_user_id ON issues FOR EACH ROW
  WHEN (OLD.assignee_agent_id IS DISTINCT FROM NEW.assignee_agent_id OR OLD.assignee_user_id IS DISTINCT FROM NEW.assignee_user_id)
  EXECUTE FUNCTION note_people_of_issue();
--> statement-breakpoint
CREATE FUNCTION note_people_of_comment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.author_agent_id IS NOT NULL THEN
    INSERT INTO public.issue_participants (issue_id, agent_id, is_creator) VALUES (NEW.issue_id, NEW.author_agent_id, false) ON CONFLICT DO NOTHING;
  END IF;
  IF NEW.author_user_id IS NOT NULL THEN PERFORM public.look_at_touch(NEW.issue_id, NEW.author_user_id); END IF;
  UPDATE public.issue_touches t SET is_unread = true
    WHERE t.issue_id = NEW.issue_id AND t.user_id IS DISTINCT FROM NEW.author_user_id AND NOT t.is_unread
      AND coalesce(t.last_touch_at, '-infinity') < NEW.created_at;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER issue_comments_people AFTER INSERT ON issue_comments FOR EACH ROW EXECUTE FUNCTION note_people_of_comment();
--> statement-breakpoint
CREATE FUNCTION note_reader() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM public.look_at_touch(OLD.issue_id, OLD.user_id);
  ELSE
    PERFORM public.look_at_touch(NEW.issue_id, NEW.user_id);
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER issue_read_states_people AFTER INSERT OR UPDATE OR DELETE ON issue_read_states FOR EACH ROW EXECUTE FUNCTION note_reader();
--> statement-breakpoint
CREATE FUNCTION note_acting_agent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- A row of the log holds any text. The row about a deletion comes after the issue is gone.
  IF NEW.entity_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' AND NEW.actor_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' THEN
    INSERT INTO public.issue_participants (issue_id, agent_id, is_creator)
      SELECT i.id, NEW.actor_id::uuid, false FROM public.issues i WHERE i.id = NEW.entity_id::uuid ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER activity_log_people AFTER INSERT ON activity_log FOR EACH ROW
  WHEN (NEW.actor_type = 'agent' AND NEW.entity_type = 'issue') EXECUTE FUNCTION note_acting_agent();
--> statement-breakpoint
-- Rows that were loaded while triggers were off, as a database of an earlier release has them, are not in the figures. The owner of the
-- tables makes all of them again by this.
CREATE FUNCTION rebuild_issue_figures() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  TRUNCATE issue_counts, issue_touches, issue_participants;
  INSERT INTO issue_counts (company_id, status, issues, is_sum)
    SELECT company_id, status, count(*), true FROM issues WHERE hidden_at IS NULL GROUP BY company_id, status;
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
--> statement-breakpoint
-- The same for the index of the search: a server that runs writes the keys in pieces.
CREATE FUNCTION rebuild_issue_search() RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  TRUNCATE issue_search, issue_search_changes, issue_search_segments;
  INSERT INTO issue_search_changes (issue_id, source_id)
    SELECT id, id FROM issues
    UNION ALL SELECT issue_id, id FROM issue_comments
    UNION ALL SELECT issue_id, id FROM issue_documents;
END $$;
--> statement-breakpoint
SELECT rebuild_issue_figures();
