CREATE TABLE "budget_incidents" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"policy_id" uuid NOT NULL,
	"scope_type" text NOT NULL,
	"scope_id" uuid NOT NULL,
	"metric" text NOT NULL,
	"window_kind" text NOT NULL,
	"window_start" timestamp (3) with time zone NOT NULL,
	"window_end" timestamp (3) with time zone,
	"threshold_type" text NOT NULL,
	"amount_limit" integer NOT NULL,
	"amount_observed" bigint NOT NULL,
	"policy_revision" integer NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"approval_id" uuid,
	"enforced_at" timestamp (3) with time zone,
	"resolved_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "budget_incidents_status_check" CHECK (status in ('open', 'resolved', 'dismissed'))
);
--> statement-breakpoint
CREATE TABLE "budget_policies" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"scope_type" text NOT NULL,
	"scope_id" uuid NOT NULL,
	"metric" text DEFAULT 'billed_cents' NOT NULL,
	"window_kind" text DEFAULT 'calendar_month_utc' NOT NULL,
	"amount" integer NOT NULL,
	"warn_percent" integer DEFAULT 80 NOT NULL,
	"hard_stop_enabled" boolean DEFAULT true NOT NULL,
	"notify_enabled" boolean DEFAULT true NOT NULL,
	"is_active" boolean DEFAULT true NOT NULL,
	"reserve_cents" integer,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "budget_policies_amount_check" CHECK (amount >= 0 and (amount > 0 or not is_active)),
	CONSTRAINT "budget_policies_warn_check" CHECK (warn_percent between 1 and 99),
	CONSTRAINT "budget_policies_reserve_check" CHECK (reserve_cents is null or reserve_cents > 0),
	CONSTRAINT "budget_policies_scope_check" CHECK (scope_type in ('company', 'agent', 'project')),
	CONSTRAINT "budget_policies_window_check" CHECK (window_kind in ('calendar_month_utc', 'lifetime'))
);
--> statement-breakpoint
CREATE TABLE "budget_reservations" (
	"run_id" uuid NOT NULL,
	"policy_id" uuid NOT NULL,
	"window_start" timestamp (3) with time zone NOT NULL,
	"company_id" uuid NOT NULL,
	"remaining" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "budget_reservations_run_id_policy_id_pk" PRIMARY KEY("run_id","policy_id"),
	CONSTRAINT "budget_reservations_remaining_check" CHECK (remaining >= 0)
);
--> statement-breakpoint
CREATE TABLE "budget_windows" (
	"policy_id" uuid NOT NULL,
	"window_start" timestamp (3) with time zone NOT NULL,
	"company_id" uuid NOT NULL,
	"spent" bigint DEFAULT 0 NOT NULL,
	"reserved" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "budget_windows_policy_id_window_start_pk" PRIMARY KEY("policy_id","window_start"),
	CONSTRAINT "budget_windows_reserved_check" CHECK (reserved >= 0)
);
--> statement-breakpoint
CREATE TABLE "cost_events" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"agent_id" uuid NOT NULL,
	"issue_id" uuid,
	"project_id" uuid,
	"goal_id" uuid,
	"heartbeat_run_id" uuid,
	"billing_code" text,
	"provider" text NOT NULL,
	"biller" text NOT NULL,
	"billing_type" text DEFAULT 'unknown' NOT NULL,
	"model" text NOT NULL,
	"input_tokens" bigint DEFAULT 0 NOT NULL,
	"cached_input_tokens" bigint DEFAULT 0 NOT NULL,
	"output_tokens" bigint DEFAULT 0 NOT NULL,
	"microcents" bigint DEFAULT 0 NOT NULL,
	"is_priced" boolean DEFAULT true NOT NULL,
	"source" text DEFAULT 'reported' NOT NULL,
	"external_id" text,
	"corrects_id" uuid,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "cost_events_amount_check" CHECK (microcents >= 0 or corrects_id is not null),
	CONSTRAINT "cost_events_tokens_check" CHECK (input_tokens >= 0 and cached_input_tokens >= 0 and output_tokens >= 0),
	CONSTRAINT "cost_events_billing_type_check" CHECK (billing_type in ('metered_api', 'subscription_included', 'subscription_overage', 'credits', 'fixed', 'unknown'))
);
--> statement-breakpoint
CREATE TABLE "cost_rollups" (
	"company_id" uuid NOT NULL,
	"grain" text NOT NULL,
	"bucket" timestamp (3) with time zone NOT NULL,
	"agent_id" uuid NOT NULL,
	"project_id" uuid,
	"provider" text NOT NULL,
	"biller" text NOT NULL,
	"billing_type" text NOT NULL,
	"model" text NOT NULL,
	"shard" smallint NOT NULL,
	"microcents" bigint DEFAULT 0 NOT NULL,
	"input_tokens" bigint DEFAULT 0 NOT NULL,
	"cached_input_tokens" bigint DEFAULT 0 NOT NULL,
	"output_tokens" bigint DEFAULT 0 NOT NULL,
	"event_count" bigint DEFAULT 0 NOT NULL,
	"unpriced_count" bigint DEFAULT 0 NOT NULL,
	"run_count" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "cost_rollups_key" UNIQUE NULLS NOT DISTINCT("company_id","grain","bucket","agent_id","project_id","provider","biller","billing_type","model","shard"),
	CONSTRAINT "cost_rollups_grain_check" CHECK (grain in ('month', 'day', 'hour'))
);
--> statement-breakpoint
CREATE TABLE "finance_events" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"company_id" uuid NOT NULL,
	"agent_id" uuid,
	"issue_id" uuid,
	"project_id" uuid,
	"goal_id" uuid,
	"heartbeat_run_id" uuid,
	"cost_event_id" uuid,
	"billing_code" text,
	"description" text,
	"event_kind" text NOT NULL,
	"direction" text DEFAULT 'debit' NOT NULL,
	"biller" text NOT NULL,
	"provider" text,
	"execution_adapter_type" text,
	"pricing_tier" text,
	"region" text,
	"model" text,
	"quantity" bigint,
	"unit" text,
	"amount_cents" bigint NOT NULL,
	"currency" text DEFAULT 'USD' NOT NULL,
	"estimated" boolean DEFAULT false NOT NULL,
	"external_invoice_id" text,
	"metadata_json" jsonb,
	"occurred_at" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "finance_events_amount_check" CHECK (amount_cents >= 0)
);
--> statement-breakpoint
CREATE TABLE "run_costs" (
	"company_id" uuid NOT NULL,
	"run_id" uuid NOT NULL,
	"is_subscription" boolean NOT NULL,
	"agent_id" uuid NOT NULL,
	"microcents" bigint DEFAULT 0 NOT NULL,
	"input_tokens" bigint DEFAULT 0 NOT NULL,
	"cached_input_tokens" bigint DEFAULT 0 NOT NULL,
	"output_tokens" bigint DEFAULT 0 NOT NULL,
	"event_count" bigint DEFAULT 0 NOT NULL,
	"unpriced_count" bigint DEFAULT 0 NOT NULL,
	"reported_microcents" bigint DEFAULT 0 NOT NULL,
	"reported_input_tokens" bigint DEFAULT 0 NOT NULL,
	"reported_cached_input_tokens" bigint DEFAULT 0 NOT NULL,
	"reported_output_tokens" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "run_costs_run_id_is_subscription_pk" PRIMARY KEY("run_id","is_subscription")
);
--> statement-breakpoint
ALTER TABLE "heartbeat_runs" ADD COLUMN "stop_ordered_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "budget_incidents" ADD CONSTRAINT "budget_incidents_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "budget_incidents" ADD CONSTRAINT "budget_incidents_policy_id_budget_policies_id_fk" FOREIGN KEY ("policy_id") REFERENCES "public"."budget_policies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "budget_policies" ADD CONSTRAINT "budget_policies_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "budget_reservations" ADD CONSTRAINT "budget_reservations_policy_id_budget_policies_id_fk" FOREIGN KEY ("policy_id") REFERENCES "public"."budget_policies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "budget_windows" ADD CONSTRAINT "budget_windows_policy_id_budget_policies_id_fk" FOREIGN KEY ("policy_id") REFERENCES "public"."budget_policies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cost_events" ADD CONSTRAINT "cost_events_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "finance_events" ADD CONSTRAINT "finance_events_company_id_companies_id_fk" FOREIGN KEY ("company_id") REFERENCES "public"."companies"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "budget_incidents_key" ON "budget_incidents" USING btree ("policy_id","window_start","threshold_type","policy_revision");--> statement-breakpoint
CREATE INDEX "budget_incidents_company" ON "budget_incidents" USING btree ("company_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "budget_incidents_open" ON "budget_incidents" USING btree ("company_id","scope_type","scope_id") WHERE status <> 'resolved' and threshold_type = 'hard';--> statement-breakpoint
CREATE UNIQUE INDEX "budget_policies_key" ON "budget_policies" USING btree ("company_id","scope_type","scope_id","metric","window_kind");--> statement-breakpoint
CREATE INDEX "budget_policies_hard" ON "budget_policies" USING btree ("company_id","scope_type","scope_id") WHERE is_active and hard_stop_enabled;--> statement-breakpoint
CREATE INDEX "budget_reservations_policy" ON "budget_reservations" USING btree ("policy_id");--> statement-breakpoint
CREATE INDEX "cost_events_company" ON "cost_events" USING btree ("company_id","occurred_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "cost_events_external_key" ON "cost_events" USING btree ("company_id","agent_id","external_id") WHERE external_id is not null;--> statement-breakpoint
CREATE INDEX "finance_events_company" ON "finance_events" USING btree ("company_id","occurred_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "run_costs_agent" ON "run_costs" USING btree ("agent_id","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "run_costs_company" ON "run_costs" USING btree ("company_id");--> statement-breakpoint
ALTER TABLE "agents" DROP COLUMN "spent_monthly_cents";--> statement-breakpoint
-- The amount of a monthly policy of an agent or a company is its column, so that whoever writes the column writes the policy.
CREATE FUNCTION budget_policy_of_column() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  scope text := TG_ARGV[0];
  company uuid;
BEGIN
  IF scope = 'company' THEN company := NEW.id; ELSE company := (to_jsonb(NEW) ->> 'company_id')::uuid; END IF;
  IF NEW.budget_monthly_cents > 0 THEN
    INSERT INTO budget_policies AS p (company_id, scope_type, scope_id, amount) VALUES (company, scope, NEW.id, NEW.budget_monthly_cents)
    ON CONFLICT (company_id, scope_type, scope_id, metric, window_kind) DO UPDATE
      SET amount = excluded.amount, is_active = true, updated_at = greatest(now(), p.updated_at + interval '1 millisecond'),
        revision = p.revision + (p.amount <> excluded.amount)::int;
  ELSE
    UPDATE budget_policies p SET amount = 0, is_active = false, updated_at = greatest(now(), p.updated_at + interval '1 millisecond'),
      revision = p.revision + (p.amount <> 0)::int
    WHERE p.company_id = company AND p.scope_type = scope AND p.scope_id = NEW.id AND p.window_kind = 'calendar_month_utc';
  END IF;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER budget_policy_of_new_agent AFTER INSERT ON agents FOR EACH ROW WHEN (NEW.budget_monthly_cents > 0)
  EXECUTE FUNCTION budget_policy_of_column('agent');--> statement-breakpoint
CREATE TRIGGER budget_policy_of_agent AFTER UPDATE OF budget_monthly_cents ON agents FOR EACH ROW
  WHEN (OLD.budget_monthly_cents <> NEW.budget_monthly_cents) EXECUTE FUNCTION budget_policy_of_column('agent');--> statement-breakpoint
CREATE TRIGGER budget_policy_of_new_company AFTER INSERT ON companies FOR EACH ROW WHEN (NEW.budget_monthly_cents > 0)
  EXECUTE FUNCTION budget_policy_of_column('company');--> statement-breakpoint
CREATE TRIGGER budget_policy_of_company AFTER UPDATE OF budget_monthly_cents ON companies FOR EACH ROW
  WHEN (OLD.budget_monthly_cents <> NEW.budget_monthly_cents) EXECUTE FUNCTION budget_policy_of_column('company');--> statement-breakpoint
-- A hard limit that begins counts what was spent before. Whoever writes a cost event shares the advisory lock of its company until the commit, so
-- each event is in this sum or adds to the row that this makes, and never both or neither. Each statement of this function has a snapshot
-- of its own, taken after the lock.
CREATE FUNCTION begin_budget_windows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7071, hashtext(NEW.company_id::text));
  INSERT INTO budget_windows (policy_id, window_start, company_id, spent, reserved)
  SELECT NEW.id, w.window_start, NEW.company_id,
    coalesce((SELECT sum(r.microcents) FROM cost_rollups r WHERE r.company_id = NEW.company_id AND r.grain = 'month'
      AND (NEW.window_kind = 'lifetime' OR r.bucket = w.window_start)
      AND (NEW.scope_type <> 'agent' OR r.agent_id = NEW.scope_id) AND (NEW.scope_type <> 'project' OR r.project_id = NEW.scope_id)), 0),
    coalesce((SELECT sum(b.remaining) FROM budget_reservations b WHERE b.policy_id = NEW.id AND b.window_start = w.window_start), 0)
  FROM (
    SELECT CASE WHEN NEW.window_kind = 'lifetime' THEN timestamptz '1970-01-01T00:00:00Z'
      ELSE date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' END AS window_start
    UNION
    SELECT r.bucket FROM cost_rollups r WHERE NEW.window_kind <> 'lifetime' AND r.company_id = NEW.company_id AND r.grain = 'month' AND r.bucket > now()) w
  ON CONFLICT (policy_id, window_start) DO UPDATE SET spent = excluded.spent, reserved = excluded.reserved;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER budget_policy_begins AFTER INSERT ON budget_policies FOR EACH ROW
  WHEN (NEW.is_active AND NEW.hard_stop_enabled) EXECUTE FUNCTION begin_budget_windows();--> statement-breakpoint
CREATE TRIGGER budget_policy_begins_again AFTER UPDATE ON budget_policies FOR EACH ROW
  WHEN (NEW.is_active AND NEW.hard_stop_enabled AND NOT (OLD.is_active AND OLD.hard_stop_enabled)) EXECUTE FUNCTION begin_budget_windows();--> statement-breakpoint
-- A policy ends with what it is about.
CREATE FUNCTION end_budget_policies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM budget_policies WHERE company_id = OLD.company_id AND scope_type = TG_ARGV[0] AND scope_id = OLD.id;
  RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER budget_policies_of_agent AFTER DELETE ON agents FOR EACH ROW EXECUTE FUNCTION end_budget_policies('agent');--> statement-breakpoint
CREATE TRIGGER budget_policies_of_project AFTER DELETE ON projects FOR EACH ROW EXECUTE FUNCTION end_budget_policies('project');--> statement-breakpoint
INSERT INTO budget_policies (company_id, scope_type, scope_id, amount)
  SELECT company_id, 'agent', id, budget_monthly_cents FROM agents WHERE budget_monthly_cents > 0
  UNION ALL SELECT id, 'company', id, budget_monthly_cents FROM companies WHERE budget_monthly_cents > 0;
