CREATE TABLE "issue_counters" (
	"company_id" uuid PRIMARY KEY NOT NULL,
	"last_number" integer NOT NULL
) WITH (fillfactor = 50);
--> statement-breakpoint
ALTER TABLE "issue_counters" ADD CONSTRAINT "issue_counters_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
INSERT INTO "issue_counters" ("company_id", "last_number") SELECT "id", "issue_counter" FROM "companies";--> statement-breakpoint
ALTER TABLE "companies" DROP COLUMN "issue_counter";
