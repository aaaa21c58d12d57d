CREATE TABLE "issue_search" (
	"issue_id" uuid NOT NULL,
	"source_id" uuid NOT NULL,
	"keys" integer[] NOT NULL,
	CONSTRAINT "issue_search_issue_id_source_id_pk" PRIMARY KEY("issue_id","source_id")
);
--> statement-breakpoint
CREATE TABLE "issue_search_changes" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "issue_search_changes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"issue_id" uuid NOT NULL,
	"source_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "issue_search_segments" (
	"company_id" uuid NOT NULL,
	"segment" integer NOT NULL,
	CONSTRAINT "issue_search_segments_company_id_segment_pk" PRIMARY KEY("company_id","segment")
);
--> statement-breakpoint
ALTER TABLE "issue_search_segments" ADD CONSTRAINT "issue_search_segments_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "issue_search_keys" ON "issue_search" USING gin ("keys");--> statement-breakpoint
-- Every change of a text counts, whoever makes it, and so does every deletion: no writer may forget the index of the search. No row of
-- the queue references anything, so a change waits for nothing.
CREATE FUNCTION note_issue_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.issue_search_changes (issue_id, source_id)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END, CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION note_text_of_issue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.issue_search_changes (issue_id, source_id)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.issue_id ELSE NEW.issue_id END, CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER issues_search AFTER INSERT OR DELETE ON issues FOR EACH ROW EXECUTE FUNCTION note_issue_text();
--> statement-breakpoint
CREATE TRIGGER issues_search_update AFTER UPDATE OF title, description, identifier, issue_number ON issues FOR EACH ROW
  WHEN ((OLD.title, OLD.description, OLD.identifier, OLD.issue_number)
    IS DISTINCT FROM (NEW.title, NEW.description, NEW.identifier, NEW.issue_number))
  EXECUTE FUNCTION note_issue_text();
--> statement-breakpoint
CREATE TRIGGER issue_comments_search AFTER INSERT OR DELETE OR UPDATE OF body ON issue_comments FOR EACH ROW
  EXECUTE FUNCTION note_text_of_issue();
--> statement-breakpoint
CREATE TRIGGER issue_documents_search AFTER INSERT OR DELETE OR UPDATE OF title, body ON issue_documents FOR EACH ROW
  EXECUTE FUNCTION note_text_of_issue();
--> statement-breakpoint
-- Sorts what was written lately into the index, so that a search does not read it row by row. Only the owner of an index may do that; what
-- this function does is harmless whoever calls it.
CREATE FUNCTION settle_issue_search() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
  AS $$ SELECT gin_clean_pending_list('issue_search_keys') $$;
--> statement-breakpoint
-- The texts that exist: a server that has started writes their keys in pieces, while it serves.
INSERT INTO issue_search_changes (issue_id, source_id)
  SELECT id, id FROM issues
  UNION ALL SELECT issue_id, id FROM issue_comments
  UNION ALL SELECT issue_id, id FROM issue_documents;
