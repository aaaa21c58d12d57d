DROP INDEX "issues_checkout_run";--> statement-breakpoint
DROP INDEX "issues_held";--> statement-breakpoint
DROP INDEX "issues_execution_run";--> statement-breakpoint
CREATE INDEX "issues_held" ON "issues" USING btree ("company_id","checkout_run_id") WHERE checkout_run_id is not null or execution_run_id is not null;--> statement-breakpoint
CREATE INDEX "issues_execution_run" ON "issues" USING btree ("execution_run_id") WHERE execution_run_id is not null and execution_run_id is distinct from checkout_run_id;