-- The schema that the migrations in drizzle/ make, written by `npm run docs` to be read. It is not run.

CREATE TABLE activity_chain (
  company_id uuid NOT NULL,
  "position" bigint NOT NULL,
  txid xid8 NOT NULL,
  seq bigint NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT activity_chain_company_id_position_pk PRIMARY KEY (company_id, "position")
);
CREATE UNIQUE INDEX activity_chain_order ON public.activity_chain USING btree (txid, seq);
CREATE TRIGGER activity_chain_append_only BEFORE DELETE OR UPDATE ON activity_chain FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER activity_chain_no_truncate BEFORE TRUNCATE ON activity_chain FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE TABLE activity_log (
  seq bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  actor_type text NOT NULL,
  actor_id text NOT NULL,
  action text NOT NULL,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  agent_id uuid,
  run_id uuid,
  details jsonb,
  request_id text,
  txid xid8 DEFAULT take_event_ticket() NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT activity_log_pkey PRIMARY KEY (seq)
);
CREATE INDEX activity_log_agent ON public.activity_log USING btree (agent_id, seq DESC) WHERE (agent_id IS NOT NULL);
CREATE INDEX activity_log_company ON public.activity_log USING btree (company_id, seq DESC);
CREATE INDEX activity_log_entity ON public.activity_log USING btree (entity_id, seq DESC);
CREATE INDEX activity_log_kind ON public.activity_log USING btree (company_id, entity_type, action, seq DESC);
CREATE INDEX activity_log_order ON public.activity_log USING btree (txid, seq);
CREATE INDEX activity_log_people ON public.activity_log USING btree (company_id, action, seq DESC) WHERE ((actor_type = 'user'::text) AND
CASE action
    WHEN 'issue.released'::text THEN (COALESCE((details ->> 'previousCheckoutRunId'::text), (details ->> 'previousExecutionRunId'::text), (details ->> 'checkoutRunId'::text), (details ->> 'executionRunId'::text)) IS NOT NULL)
    WHEN 'issue.deleted'::text THEN (COALESCE((details ->> 'previousCheckoutRunId'::text), (details ->> 'previousExecutionRunId'::text), (details ->> 'checkoutRunId'::text), (details ->> 'executionRunId'::text)) IS NOT NULL)
    WHEN 'issue.lock_cleared'::text THEN ((details -> 'evicted'::text) = 'true'::jsonb)
    ELSE true
END);
CREATE INDEX activity_log_run ON public.activity_log USING btree (run_id, seq DESC) WHERE (run_id IS NOT NULL);
CREATE INDEX activity_log_time ON public.activity_log USING brin (created_at) WITH (pages_per_range='32', autosummarize='true');
CREATE TRIGGER activity_log_append_only BEFORE DELETE OR UPDATE ON activity_log FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER activity_log_no_truncate BEFORE TRUNCATE ON activity_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER activity_log_people AFTER INSERT ON activity_log FOR EACH ROW WHEN (new.actor_type = 'agent'::text AND new.entity_type = 'issue'::text AND new.action <> 'issue.checked_out'::text AND NOT (new.action = 'issue.released'::text AND NOT (new.details ->> 'previousAssigneeAgentId'::text) IS DISTINCT FROM new.actor_id)) EXECUTE FUNCTION note_acting_agent();

CREATE TABLE agent_api_keys (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  key_hash text NOT NULL,
  revoked_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  expires_at timestamp(3) with time zone,
  last_used_at timestamp(3) with time zone,
  scopes jsonb,
  CONSTRAINT agent_api_keys_agent_id_agents_id_fk FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE CASCADE,
  CONSTRAINT agent_api_keys_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT agent_api_keys_pkey PRIMARY KEY (id)
);
CREATE INDEX agent_api_keys_agent ON public.agent_api_keys USING btree (agent_id);
CREATE UNIQUE INDEX agent_api_keys_hash_key ON public.agent_api_keys USING btree (key_hash);

CREATE TABLE agent_config_revisions (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  created_by_agent_id uuid,
  created_by_user_id text,
  source text NOT NULL,
  rolled_back_from_revision_id uuid,
  changed_keys jsonb NOT NULL,
  before_config jsonb NOT NULL,
  after_config jsonb NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT agent_config_revisions_agent_id_agents_id_fk FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE CASCADE,
  CONSTRAINT agent_config_revisions_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT agent_config_revisions_pkey PRIMARY KEY (id)
);
CREATE INDEX agent_config_revisions_agent ON public.agent_config_revisions USING btree (agent_id, created_at DESC, id DESC);

CREATE TABLE agent_task_sessions (
  agent_id uuid NOT NULL,
  task_key text NOT NULL,
  company_id uuid NOT NULL,
  adapter_type text NOT NULL,
  session_id text NOT NULL,
  last_run_id uuid,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT agent_task_sessions_agent_id_agents_id_fk FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE CASCADE,
  CONSTRAINT agent_task_sessions_agent_id_task_key_pk PRIMARY KEY (agent_id, task_key),
  CONSTRAINT agent_task_sessions_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE
);

CREATE TABLE agents (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  name text NOT NULL,
  url_key text NOT NULL,
  role text DEFAULT 'general'::text NOT NULL,
  title text,
  icon text,
  status text DEFAULT 'idle'::text NOT NULL,
  reports_to uuid,
  capabilities text,
  adapter_type text DEFAULT 'process'::text NOT NULL,
  adapter_config jsonb DEFAULT '{}'::jsonb NOT NULL,
  runtime_config jsonb DEFAULT '{}'::jsonb NOT NULL,
  budget_monthly_cents integer DEFAULT 0 NOT NULL,
  pause_reason text,
  paused_at timestamp(3) with time zone,
  permissions jsonb DEFAULT '{"canCreateAgents": false}'::jsonb NOT NULL,
  last_heartbeat_at timestamp(3) with time zone,
  metadata jsonb,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  next_timer_at timestamp(3) with time zone,
  isolation text DEFAULT 'required'::text NOT NULL,
  CONSTRAINT agents_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT agents_isolation_check CHECK (isolation = ANY (ARRAY['pending'::text, 'required'::text])),
  CONSTRAINT agents_pkey PRIMARY KEY (id),
  CONSTRAINT agents_reports_to_agents_id_fk FOREIGN KEY (reports_to) REFERENCES agents(id) ON DELETE SET NULL,
  CONSTRAINT agents_status_check CHECK (status = ANY (ARRAY['pending_approval'::text, 'idle'::text, 'active'::text, 'running'::text, 'error'::text, 'paused'::text, 'terminated'::text]))
);
CREATE INDEX agents_company ON public.agents USING btree (company_id, created_at);
CREATE INDEX agents_reports_to ON public.agents USING btree (reports_to);
CREATE INDEX agents_timer ON public.agents USING btree (next_timer_at) WHERE (jsonb_typeof((runtime_config #> '{heartbeat,intervalSec}'::text[])) = 'number'::text);
CREATE INDEX agents_url_key ON public.agents USING btree (company_id, url_key);
CREATE TRIGGER budget_policies_of_agent AFTER DELETE ON agents FOR EACH ROW EXECUTE FUNCTION end_budget_policies('agent');
CREATE TRIGGER budget_policy_of_agent AFTER UPDATE OF budget_monthly_cents ON agents FOR EACH ROW WHEN (old.budget_monthly_cents <> new.budget_monthly_cents) EXECUTE FUNCTION budget_policy_of_column('agent');
CREATE TRIGGER budget_policy_of_new_agent AFTER INSERT ON agents FOR EACH ROW WHEN (new.budget_monthly_cents > 0) EXECUTE FUNCTION budget_policy_of_column('agent');

CREATE TABLE approval_comments (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  approval_id uuid NOT NULL,
  author_agent_id uuid,
  author_user_id text,
  body text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT approval_comments_approval_id_approvals_id_fk FOREIGN KEY (approval_id) REFERENCES approvals(id) ON DELETE CASCADE,
  CONSTRAINT approval_comments_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT approval_comments_pkey PRIMARY KEY (id)
);
CREATE INDEX approval_comments_approval ON public.approval_comments USING btree (approval_id, created_at, id);

CREATE TABLE approval_readings (
  approval_id uuid NOT NULL,
  user_id text NOT NULL,
  shown_hash text NOT NULL,
  read_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT approval_readings_approval_id_approvals_id_fk FOREIGN KEY (approval_id) REFERENCES approvals(id) ON DELETE CASCADE,
  CONSTRAINT approval_readings_approval_id_user_id_pk PRIMARY KEY (approval_id, user_id)
);

CREATE TABLE approvals (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  type text NOT NULL,
  requested_by_agent_id uuid,
  requested_by_user_id text,
  status text DEFAULT 'pending'::text NOT NULL,
  payload jsonb NOT NULL,
  decision_note text,
  decided_by_user_id text,
  decided_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  result jsonb,
  shown_hash text,
  CONSTRAINT approvals_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT approvals_pkey PRIMARY KEY (id),
  CONSTRAINT approvals_status_check CHECK (status = ANY (ARRAY['pending'::text, 'revision_requested'::text, 'approved'::text, 'rejected'::text, 'cancelled'::text]))
);
CREATE INDEX approvals_company ON public.approvals USING btree (company_id, created_at DESC, id DESC);

CREATE TABLE asset_contents (
  asset_id uuid NOT NULL,
  content bytea NOT NULL,
  CONSTRAINT asset_contents_asset_id_assets_id_fk FOREIGN KEY (asset_id) REFERENCES assets(id) ON DELETE CASCADE,
  CONSTRAINT asset_contents_pkey PRIMARY KEY (asset_id)
);

CREATE TABLE assets (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  attachment_id uuid,
  provider text DEFAULT 'local_disk'::text NOT NULL,
  object_key text NOT NULL,
  content_type text NOT NULL,
  byte_size integer NOT NULL,
  sha256 text NOT NULL,
  original_filename text,
  created_by_agent_id uuid,
  created_by_user_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT assets_attachment_id_issue_attachments_id_fk FOREIGN KEY (attachment_id) REFERENCES issue_attachments(id) ON DELETE CASCADE,
  CONSTRAINT assets_byte_size_check CHECK (byte_size > 0),
  CONSTRAINT assets_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT assets_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX assets_attachment_key ON public.assets USING btree (attachment_id);
CREATE INDEX assets_company ON public.assets USING btree (company_id);

CREATE TABLE audit_witnesses (
  key_id text NOT NULL,
  place text NOT NULL,
  line bigint NOT NULL,
  signature text NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  cluster text,
  CONSTRAINT audit_witnesses_pkey PRIMARY KEY (key_id)
);
CREATE TRIGGER audit_witnesses_line BEFORE UPDATE ON audit_witnesses FOR EACH ROW WHEN (new.line < old.line OR new.key_id <> old.key_id) EXECUTE FUNCTION keep_witness_line();

CREATE TABLE auth_attempts (
  key text NOT NULL,
  count integer NOT NULL,
  ends_at timestamp(3) with time zone NOT NULL,
  CONSTRAINT auth_attempts_pkey PRIMARY KEY (key)
);
CREATE INDEX auth_attempts_end ON public.auth_attempts USING btree (ends_at);

CREATE TABLE board_claims (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  token_hash text NOT NULL,
  code_hash text NOT NULL,
  expires_at timestamp(3) with time zone NOT NULL,
  claimed_by_user_id text,
  claimed_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT board_claims_pkey PRIMARY KEY (id)
);
CREATE INDEX board_claims_end ON public.board_claims USING btree (expires_at);
CREATE UNIQUE INDEX board_claims_token_key ON public.board_claims USING btree (token_hash);

CREATE TABLE board_keys (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  user_id text NOT NULL,
  name text NOT NULL,
  key_hash text NOT NULL,
  expires_at timestamp(3) with time zone NOT NULL,
  revoked_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT board_keys_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX board_keys_hash_key ON public.board_keys USING btree (key_hash);
CREATE INDEX board_keys_user ON public.board_keys USING btree (user_id);

CREATE TABLE budget_incidents (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  policy_id uuid NOT NULL,
  scope_type text NOT NULL,
  scope_id uuid NOT NULL,
  metric text NOT NULL,
  window_kind text NOT NULL,
  window_start timestamp(3) with time zone NOT NULL,
  window_end timestamp(3) with time zone,
  threshold_type text NOT NULL,
  amount_limit integer NOT NULL,
  amount_observed bigint NOT NULL,
  policy_revision integer NOT NULL,
  status text DEFAULT 'open'::text NOT NULL,
  approval_id uuid,
  enforced_at timestamp(3) with time zone,
  resolved_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT budget_incidents_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT budget_incidents_pkey PRIMARY KEY (id),
  CONSTRAINT budget_incidents_policy_id_budget_policies_id_fk FOREIGN KEY (policy_id) REFERENCES budget_policies(id) ON DELETE CASCADE,
  CONSTRAINT budget_incidents_status_check CHECK (status = ANY (ARRAY['open'::text, 'resolved'::text, 'dismissed'::text]))
);
CREATE INDEX budget_incidents_company ON public.budget_incidents USING btree (company_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX budget_incidents_key ON public.budget_incidents USING btree (policy_id, window_start, threshold_type, policy_revision);
CREATE INDEX budget_incidents_open ON public.budget_incidents USING btree (company_id, scope_type, scope_id) WHERE ((status <> 'resolved'::text) AND (threshold_type = 'hard'::text));

CREATE TABLE budget_policies (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  scope_type text NOT NULL,
  scope_id uuid NOT NULL,
  metric text DEFAULT 'billed_cents'::text NOT NULL,
  window_kind text DEFAULT 'calendar_month_utc'::text NOT NULL,
  amount integer NOT NULL,
  warn_percent integer DEFAULT 80 NOT NULL,
  hard_stop_enabled boolean DEFAULT true NOT NULL,
  notify_enabled boolean DEFAULT true NOT NULL,
  is_active boolean DEFAULT true NOT NULL,
  reserve_cents integer,
  revision integer DEFAULT 1 NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT budget_policies_amount_check CHECK (amount >= 0 AND (amount > 0 OR NOT is_active)),
  CONSTRAINT budget_policies_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT budget_policies_pkey PRIMARY KEY (id),
  CONSTRAINT budget_policies_reserve_check CHECK (reserve_cents IS NULL OR reserve_cents > 0),
  CONSTRAINT budget_policies_scope_check CHECK (scope_type = ANY (ARRAY['company'::text, 'agent'::text, 'project'::text])),
  CONSTRAINT budget_policies_warn_check CHECK (warn_percent >= 1 AND warn_percent <= 99),
  CONSTRAINT budget_policies_window_check CHECK (window_kind = ANY (ARRAY['calendar_month_utc'::text, 'lifetime'::text]))
);
CREATE INDEX budget_policies_hard ON public.budget_policies USING btree (company_id, scope_type, scope_id) WHERE (is_active AND hard_stop_enabled);
CREATE UNIQUE INDEX budget_policies_key ON public.budget_policies USING btree (company_id, scope_type, scope_id, metric, window_kind);
CREATE TRIGGER budget_policy_begins AFTER INSERT ON budget_policies FOR EACH ROW WHEN (new.is_active AND new.hard_stop_enabled) EXECUTE FUNCTION begin_budget_windows();
CREATE TRIGGER budget_policy_begins_again AFTER UPDATE ON budget_policies FOR EACH ROW WHEN (new.is_active AND new.hard_stop_enabled AND NOT (old.is_active AND old.hard_stop_enabled)) EXECUTE FUNCTION begin_budget_windows();

CREATE TABLE budget_reservations (
  run_id uuid NOT NULL,
  policy_id uuid NOT NULL,
  window_start timestamp(3) with time zone NOT NULL,
  company_id uuid NOT NULL,
  remaining bigint DEFAULT 0 NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT budget_reservations_policy_id_budget_policies_id_fk FOREIGN KEY (policy_id) REFERENCES budget_policies(id) ON DELETE CASCADE,
  CONSTRAINT budget_reservations_remaining_check CHECK (remaining >= 0),
  CONSTRAINT budget_reservations_run_id_policy_id_pk PRIMARY KEY (run_id, policy_id)
);
CREATE INDEX budget_reservations_policy ON public.budget_reservations USING btree (policy_id);

CREATE TABLE budget_windows (
  policy_id uuid NOT NULL,
  window_start timestamp(3) with time zone NOT NULL,
  company_id uuid NOT NULL,
  spent bigint DEFAULT 0 NOT NULL,
  reserved bigint DEFAULT 0 NOT NULL,
  CONSTRAINT budget_windows_policy_id_budget_policies_id_fk FOREIGN KEY (policy_id) REFERENCES budget_policies(id) ON DELETE CASCADE,
  CONSTRAINT budget_windows_policy_id_window_start_pk PRIMARY KEY (policy_id, window_start),
  CONSTRAINT budget_windows_reserved_check CHECK (reserved >= 0)
);

CREATE TABLE challenges (
  id uuid NOT NULL,
  identifier text NOT NULL,
  value text NOT NULL,
  expires_at timestamp(3) with time zone NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT challenges_pkey PRIMARY KEY (id)
);
CREATE INDEX challenges_identifier ON public.challenges USING btree (identifier);
CREATE INDEX challenges_value ON public.challenges USING btree (value);

CREATE TABLE cli_challenges (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  secret_hash text NOT NULL,
  pending_key_hash text NOT NULL,
  command text NOT NULL,
  client_name text,
  requested_access text NOT NULL,
  requested_company_id uuid,
  approved_by_user_id text,
  key_id uuid,
  approved_at timestamp(3) with time zone,
  cancelled_at timestamp(3) with time zone,
  expires_at timestamp(3) with time zone NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT cli_challenges_key_id_board_keys_id_fk FOREIGN KEY (key_id) REFERENCES board_keys(id) ON DELETE SET NULL,
  CONSTRAINT cli_challenges_pkey PRIMARY KEY (id)
);
CREATE INDEX cli_challenges_end ON public.cli_challenges USING btree (expires_at);
CREATE INDEX cli_challenges_key ON public.cli_challenges USING btree (key_id);

CREATE TABLE companies (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  name text NOT NULL,
  description text,
  status text DEFAULT 'active'::text NOT NULL,
  issue_prefix text NOT NULL,
  budget_monthly_cents integer DEFAULT 0 NOT NULL,
  require_board_approval_for_new_agents boolean DEFAULT true NOT NULL,
  feedback_data_sharing_enabled boolean DEFAULT false NOT NULL,
  feedback_data_sharing_consent_at timestamp(3) with time zone,
  feedback_data_sharing_consent_by_user_id text,
  feedback_data_sharing_terms_version text,
  brand_color text,
  logo_asset_id uuid,
  pause_reason text,
  paused_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT companies_pkey PRIMARY KEY (id),
  CONSTRAINT companies_status_check CHECK (status = ANY (ARRAY['active'::text, 'paused'::text, 'archived'::text]))
);
CREATE UNIQUE INDEX companies_issue_prefix_key ON public.companies USING btree (issue_prefix);
CREATE TRIGGER budget_policy_of_company AFTER UPDATE OF budget_monthly_cents ON companies FOR EACH ROW WHEN (old.budget_monthly_cents <> new.budget_monthly_cents) EXECUTE FUNCTION budget_policy_of_column('company');
CREATE TRIGGER budget_policy_of_new_company AFTER INSERT ON companies FOR EACH ROW WHEN (new.budget_monthly_cents > 0) EXECUTE FUNCTION budget_policy_of_column('company');

CREATE TABLE company_data_keys (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  version integer NOT NULL,
  wrapped bytea NOT NULL,
  master_key_id text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT company_data_keys_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT company_data_keys_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX company_data_keys_key ON public.company_data_keys USING btree (company_id, version);

CREATE TABLE company_memberships (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  principal_type text NOT NULL,
  principal_id text NOT NULL,
  status text DEFAULT 'active'::text NOT NULL,
  membership_role text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT company_memberships_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT company_memberships_pkey PRIMARY KEY (id)
);
CREATE INDEX company_memberships_person ON public.company_memberships USING btree (principal_id) WHERE (principal_type = 'user'::text);
CREATE UNIQUE INDEX company_memberships_principal_key ON public.company_memberships USING btree (company_id, principal_type, principal_id);

CREATE TABLE company_secret_versions (
  secret_id uuid NOT NULL,
  version integer NOT NULL,
  company_id uuid NOT NULL,
  key_id uuid,
  sealed bytea,
  external_ref text,
  created_by_user_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT company_secret_versions_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT company_secret_versions_key_id_company_data_keys_id_fk FOREIGN KEY (key_id) REFERENCES company_data_keys(id),
  CONSTRAINT company_secret_versions_secret_id_company_secrets_id_fk FOREIGN KEY (secret_id) REFERENCES company_secrets(id) ON DELETE CASCADE,
  CONSTRAINT company_secret_versions_secret_id_version_pk PRIMARY KEY (secret_id, version),
  CONSTRAINT company_secret_versions_value_check CHECK ((key_id IS NULL) = (sealed IS NULL) AND (sealed IS NULL) = (external_ref IS NOT NULL))
);
CREATE INDEX company_secret_versions_company ON public.company_secret_versions USING btree (company_id);

CREATE TABLE company_secrets (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  name text NOT NULL,
  provider text DEFAULT 'local_encrypted'::text NOT NULL,
  external_ref text,
  latest_version integer DEFAULT 1 NOT NULL,
  description text,
  created_by_agent_id uuid,
  created_by_user_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT company_secrets_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT company_secrets_pkey PRIMARY KEY (id)
);
CREATE INDEX company_secrets_company ON public.company_secrets USING btree (company_id, created_at, id);
CREATE UNIQUE INDEX company_secrets_name_key ON public.company_secrets USING btree (company_id, lower(name));

CREATE TABLE company_skill_files (
  skill_id uuid NOT NULL,
  company_id uuid NOT NULL,
  path text NOT NULL,
  content text NOT NULL,
  CONSTRAINT company_skill_files_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT company_skill_files_skill_id_company_skills_id_fk FOREIGN KEY (skill_id) REFERENCES company_skills(id) ON DELETE CASCADE,
  CONSTRAINT company_skill_files_skill_id_path_pk PRIMARY KEY (skill_id, path)
);
CREATE INDEX company_skill_files_company ON public.company_skill_files USING btree (company_id);

CREATE TABLE company_skills (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  description text,
  source_type text NOT NULL,
  source_locator text,
  content_hash text NOT NULL,
  file_count integer NOT NULL,
  byte_size integer NOT NULL,
  created_by_agent_id uuid,
  created_by_user_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT company_skills_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT company_skills_pkey PRIMARY KEY (id),
  CONSTRAINT company_skills_source_check CHECK ((source_type = ANY (ARRAY['inline'::text, 'folder'::text])) AND (source_type = 'folder'::text) = (source_locator IS NOT NULL))
);
CREATE INDEX company_skills_company ON public.company_skills USING btree (company_id, created_at, id);
CREATE UNIQUE INDEX company_skills_key ON public.company_skills USING btree (company_id, slug);

CREATE TABLE cost_events (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  issue_id uuid,
  project_id uuid,
  goal_id uuid,
  heartbeat_run_id uuid,
  billing_code text,
  provider text NOT NULL,
  biller text NOT NULL,
  billing_type text DEFAULT 'unknown'::text NOT NULL,
  model text NOT NULL,
  input_tokens bigint DEFAULT 0 NOT NULL,
  cached_input_tokens bigint DEFAULT 0 NOT NULL,
  output_tokens bigint DEFAULT 0 NOT NULL,
  microcents bigint DEFAULT 0 NOT NULL,
  is_priced boolean DEFAULT true NOT NULL,
  source text DEFAULT 'reported'::text NOT NULL,
  external_id text,
  corrects_id uuid,
  occurred_at timestamp(3) with time zone NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT cost_events_amount_check CHECK (microcents >= 0 OR corrects_id IS NOT NULL),
  CONSTRAINT cost_events_billing_type_check CHECK (billing_type = ANY (ARRAY['metered_api'::text, 'subscription_included'::text, 'subscription_overage'::text, 'credits'::text, 'fixed'::text, 'unknown'::text])),
  CONSTRAINT cost_events_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT cost_events_pkey PRIMARY KEY (id),
  CONSTRAINT cost_events_tokens_check CHECK (input_tokens >= 0 AND cached_input_tokens >= 0 AND output_tokens >= 0)
);
CREATE INDEX cost_events_company ON public.cost_events USING btree (company_id, occurred_at, id) INCLUDE (agent_id, project_id, provider, biller, billing_type, model, microcents, input_tokens, cached_input_tokens, output_tokens, is_priced);
CREATE UNIQUE INDEX cost_events_external_key ON public.cost_events USING btree (company_id, agent_id, external_id) WHERE (external_id IS NOT NULL);

CREATE TABLE cost_rollups (
  company_id uuid NOT NULL,
  grain text NOT NULL,
  bucket timestamp(3) with time zone NOT NULL,
  agent_id uuid NOT NULL,
  project_id uuid,
  provider text NOT NULL,
  biller text NOT NULL,
  billing_type text NOT NULL,
  model text NOT NULL,
  shard smallint NOT NULL,
  microcents bigint DEFAULT 0 NOT NULL,
  input_tokens bigint DEFAULT 0 NOT NULL,
  cached_input_tokens bigint DEFAULT 0 NOT NULL,
  output_tokens bigint DEFAULT 0 NOT NULL,
  event_count bigint DEFAULT 0 NOT NULL,
  unpriced_count bigint DEFAULT 0 NOT NULL,
  run_count bigint DEFAULT 0 NOT NULL,
  CONSTRAINT cost_rollups_grain_check CHECK (grain = ANY (ARRAY['month'::text, 'day'::text, '3h'::text, '20m'::text])),
  CONSTRAINT cost_rollups_key UNIQUE NULLS NOT DISTINCT (company_id, grain, bucket, agent_id, project_id, provider, biller, billing_type, model, shard)
);
CREATE INDEX cost_rollups_divided ON public.cost_rollups USING btree (grain, bucket) WHERE (shard > 0);

CREATE TABLE deletions (
  id uuid NOT NULL,
  company_id uuid NOT NULL,
  kind text NOT NULL,
  touched_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT deletions_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT deletions_pkey PRIMARY KEY (id)
);

CREATE TABLE execution_workspaces (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  project_id uuid NOT NULL,
  project_workspace_id uuid NOT NULL,
  source_issue_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  name text NOT NULL,
  status text DEFAULT 'preparing'::text NOT NULL,
  repository text NOT NULL,
  worktree_name text NOT NULL,
  branch_name text NOT NULL,
  base_ref text,
  base_commit text,
  folder_mark uuid NOT NULL,
  cwd text NOT NULL,
  reuse_policy text NOT NULL,
  close_policy text NOT NULL,
  metadata jsonb,
  lease_run_id uuid,
  claimed_by text,
  claimed_until timestamp(3) with time zone,
  next_check_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  last_used_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  closed_at timestamp(3) with time zone,
  closed_reason text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT execution_workspaces_claim_check CHECK ((status = ANY (ARRAY['preparing'::text, 'closing'::text])) = (claimed_by IS NOT NULL) AND (claimed_by IS NULL) = (claimed_until IS NULL)),
  CONSTRAINT execution_workspaces_closed_check CHECK ((status = 'archived'::text) = (closed_at IS NOT NULL) AND (status = 'archived'::text) = (closed_reason IS NOT NULL)),
  CONSTRAINT execution_workspaces_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT execution_workspaces_pkey PRIMARY KEY (id),
  CONSTRAINT execution_workspaces_reason_check CHECK (closed_reason = ANY (ARRAY['board'::text, 'issue_closed'::text, 'not_made'::text, 'folder_missing'::text])),
  CONSTRAINT execution_workspaces_status_check CHECK (status = ANY (ARRAY['preparing'::text, 'open'::text, 'closing'::text, 'archived'::text]))
);
CREATE INDEX execution_workspaces_closed ON public.execution_workspaces USING btree (closed_at) WHERE (status = 'archived'::text);
CREATE INDEX execution_workspaces_company ON public.execution_workspaces USING btree (company_id, created_at DESC, id DESC);
CREATE INDEX execution_workspaces_issue ON public.execution_workspaces USING btree (source_issue_id);
CREATE UNIQUE INDEX execution_workspaces_lease_key ON public.execution_workspaces USING btree (lease_run_id) WHERE (status = ANY (ARRAY['preparing'::text, 'open'::text]));
CREATE INDEX execution_workspaces_unclosed ON public.execution_workspaces USING btree (folder_mark, next_check_at) WHERE (status <> 'archived'::text);

CREATE TABLE feedback_traces (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  feedback_vote_id uuid NOT NULL,
  status text NOT NULL,
  target_summary jsonb NOT NULL,
  payload_snapshot jsonb NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT feedback_traces_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT feedback_traces_feedback_vote_id_feedback_votes_id_fk FOREIGN KEY (feedback_vote_id) REFERENCES feedback_votes(id) ON DELETE CASCADE,
  CONSTRAINT feedback_traces_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT feedback_traces_pkey PRIMARY KEY (id),
  CONSTRAINT feedback_traces_status_check CHECK (status = ANY (ARRAY['local_only'::text, 'pending'::text]))
);
CREATE INDEX feedback_traces_company ON public.feedback_traces USING btree (company_id, created_at DESC, id DESC);
CREATE INDEX feedback_traces_issue ON public.feedback_traces USING btree (issue_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX feedback_traces_vote ON public.feedback_traces USING btree (feedback_vote_id);

CREATE TABLE feedback_votes (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  target_type text NOT NULL,
  target_id uuid NOT NULL,
  author_user_id text NOT NULL,
  vote text NOT NULL,
  reason text,
  is_shared boolean NOT NULL,
  shared_at timestamp(3) with time zone,
  consent_version text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT feedback_votes_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT feedback_votes_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT feedback_votes_pkey PRIMARY KEY (id),
  CONSTRAINT feedback_votes_target_check CHECK (target_type = ANY (ARRAY['issue_comment'::text, 'issue_document_revision'::text])),
  CONSTRAINT feedback_votes_vote_check CHECK (vote = ANY (ARRAY['up'::text, 'down'::text]))
);
CREATE INDEX feedback_votes_issue ON public.feedback_votes USING btree (issue_id, author_user_id, created_at, id);
CREATE UNIQUE INDEX feedback_votes_key ON public.feedback_votes USING btree (target_id, target_type, author_user_id);

CREATE TABLE finance_events (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  agent_id uuid,
  issue_id uuid,
  project_id uuid,
  goal_id uuid,
  heartbeat_run_id uuid,
  cost_event_id uuid,
  billing_code text,
  description text,
  event_kind text NOT NULL,
  direction text DEFAULT 'debit'::text NOT NULL,
  biller text NOT NULL,
  provider text,
  execution_adapter_type text,
  pricing_tier text,
  region text,
  model text,
  quantity bigint,
  unit text,
  amount_cents bigint NOT NULL,
  currency text DEFAULT 'USD'::text NOT NULL,
  estimated boolean DEFAULT false NOT NULL,
  external_invoice_id text,
  metadata_json jsonb,
  occurred_at timestamp(3) with time zone NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT finance_events_amount_check CHECK (amount_cents >= 0),
  CONSTRAINT finance_events_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT finance_events_pkey PRIMARY KEY (id)
);
CREATE INDEX finance_events_company ON public.finance_events USING btree (company_id, occurred_at DESC, id DESC);

CREATE TABLE goals (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  title text NOT NULL,
  description text,
  level text DEFAULT 'task'::text NOT NULL,
  status text DEFAULT 'planned'::text NOT NULL,
  parent_id uuid,
  owner_agent_id uuid,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT goals_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT goals_owner_agent_id_agents_id_fk FOREIGN KEY (owner_agent_id) REFERENCES agents(id) ON DELETE SET NULL,
  CONSTRAINT goals_pkey PRIMARY KEY (id)
);
CREATE INDEX goals_company ON public.goals USING btree (company_id, created_at);

CREATE TABLE heartbeat_run_events (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  company_id uuid NOT NULL,
  run_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  seq integer NOT NULL,
  event_type text NOT NULL,
  stream text,
  level text,
  color text,
  message text,
  payload jsonb,
  txid xid8 DEFAULT take_event_ticket() NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT heartbeat_run_events_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT heartbeat_run_events_pkey PRIMARY KEY (id),
  CONSTRAINT heartbeat_run_events_run_id_heartbeat_runs_id_fk FOREIGN KEY (run_id) REFERENCES heartbeat_runs(id) ON DELETE CASCADE
);
CREATE INDEX heartbeat_run_events_company ON public.heartbeat_run_events USING btree (company_id, id);
CREATE UNIQUE INDEX heartbeat_run_events_key ON public.heartbeat_run_events USING btree (run_id, seq);
CREATE INDEX heartbeat_run_events_order ON public.heartbeat_run_events USING btree (txid, id);

CREATE TABLE heartbeat_run_log_chunks (
  run_id uuid NOT NULL,
  start_offset bigint NOT NULL,
  byte_size integer NOT NULL,
  content text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT heartbeat_run_log_chunks_run_id_heartbeat_runs_id_fk FOREIGN KEY (run_id) REFERENCES heartbeat_runs(id) ON DELETE CASCADE,
  CONSTRAINT heartbeat_run_log_chunks_run_id_start_offset_pk PRIMARY KEY (run_id, start_offset)
);
CREATE INDEX heartbeat_run_log_chunks_age ON public.heartbeat_run_log_chunks USING btree (created_at);

CREATE TABLE heartbeat_runs (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  issue_id uuid,
  invocation_source text DEFAULT 'on_demand'::text NOT NULL,
  trigger_detail text,
  status text DEFAULT 'queued'::text NOT NULL,
  lease_seconds integer DEFAULT 300 NOT NULL,
  lease_expires_at timestamp(3) with time zone DEFAULT (now() + '00:05:00'::interval) NOT NULL,
  last_seen_at timestamp(3) with time zone,
  started_at timestamp(3) with time zone,
  finished_at timestamp(3) with time zone,
  error text,
  error_code text,
  wakeup_request_id uuid,
  exit_code integer,
  signal text,
  usage_json jsonb,
  result_json jsonb,
  session_id_before text,
  session_id_after text,
  log_store text,
  log_ref text,
  log_bytes bigint,
  log_sha256 text,
  log_compressed boolean DEFAULT false NOT NULL,
  stdout_excerpt text,
  stderr_excerpt text,
  external_run_id text,
  process_pid integer,
  process_started_at timestamp(3) with time zone,
  retry_of_run_id uuid,
  process_loss_retry_count integer DEFAULT 0 NOT NULL,
  context_snapshot jsonb,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  supervisor_id uuid,
  process_identity text,
  stop_ordered_at timestamp(3) with time zone,
  CONSTRAINT heartbeat_runs_agent_id_agents_id_fk FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE CASCADE,
  CONSTRAINT heartbeat_runs_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT heartbeat_runs_lease_check CHECK (lease_seconds >= 1 AND lease_seconds <= 86400),
  CONSTRAINT heartbeat_runs_pkey PRIMARY KEY (id),
  CONSTRAINT heartbeat_runs_status_check CHECK (status = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text]))
);
CREATE INDEX heartbeat_runs_agent ON public.heartbeat_runs USING btree (agent_id, created_at DESC, id DESC);
CREATE INDEX heartbeat_runs_company ON public.heartbeat_runs USING btree (company_id, created_at DESC, id DESC);
CREATE INDEX heartbeat_runs_ended ON public.heartbeat_runs USING btree (company_id, status, created_at DESC, id DESC) WHERE (status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text]));
CREATE INDEX heartbeat_runs_ended_of_agent ON public.heartbeat_runs USING btree (agent_id, status, created_at DESC, id DESC) WHERE (status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text]));
CREATE INDEX heartbeat_runs_issue ON public.heartbeat_runs USING btree (issue_id) WHERE (issue_id IS NOT NULL);
CREATE INDEX heartbeat_runs_opened ON public.heartbeat_runs USING btree (company_id, agent_id) WHERE (COALESCE((status = ANY (ARRAY['queued'::text, 'running'::text])), false) AND (wakeup_request_id IS NULL));
CREATE INDEX heartbeat_runs_unended ON public.heartbeat_runs USING btree (lease_expires_at) WHERE COALESCE((status = ANY (ARRAY['queued'::text, 'running'::text])), false);
CREATE INDEX heartbeat_runs_unended_agent ON public.heartbeat_runs USING btree (status, agent_id, created_at, id) WHERE COALESCE((status = ANY (ARRAY['queued'::text, 'running'::text])), false);
CREATE TRIGGER heartbeat_runs_outcome BEFORE UPDATE OF status ON heartbeat_runs FOR EACH ROW WHEN ((old.status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'timed_out'::text])) AND new.status <> old.status) EXECUTE FUNCTION keep_run_outcome();

CREATE TABLE idempotency_keys (
  actor text NOT NULL,
  route text NOT NULL,
  key text NOT NULL,
  request_hash text NOT NULL,
  status integer NOT NULL,
  answer bytea NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT idempotency_keys_actor_route_key_pk PRIMARY KEY (actor, route, key)
);
CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

CREATE TABLE inbox_dismissals (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  user_id text NOT NULL,
  item_key text NOT NULL,
  dismissed_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT inbox_dismissals_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT inbox_dismissals_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX inbox_dismissals_key ON public.inbox_dismissals USING btree (company_id, user_id, item_key);

CREATE TABLE instance_administrators (
  person_id text NOT NULL,
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT instance_administrators_person_id_people_id_fk FOREIGN KEY (person_id) REFERENCES people(id) ON DELETE CASCADE,
  CONSTRAINT instance_administrators_pkey PRIMARY KEY (person_id)
);

CREATE TABLE instance_backups (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  status text NOT NULL,
  reason text NOT NULL,
  host text,
  file text,
  bytes bigint,
  rows bigint,
  sha256 text,
  error text,
  taken_at timestamp(3) with time zone,
  leased_until timestamp(3) with time zone NOT NULL,
  finished_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT instance_backups_pkey PRIMARY KEY (id),
  CONSTRAINT instance_backups_status_check CHECK (status = ANY (ARRAY['requested'::text, 'running'::text, 'done'::text, 'failed'::text, 'removed'::text]))
);
CREATE UNIQUE INDEX instance_backups_open ON public.instance_backups USING btree (((finished_at IS NULL))) WHERE (finished_at IS NULL);
CREATE INDEX instance_backups_order ON public.instance_backups USING btree (created_at DESC, id);

CREATE TABLE instance_settings (
  name text NOT NULL,
  settings jsonb NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT instance_settings_pkey PRIMARY KEY (name)
);

CREATE TABLE instruction_bundles (
  agent_id uuid NOT NULL,
  company_id uuid NOT NULL,
  entry_file text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT instruction_bundles_agent_id_agents_id_fk FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE CASCADE,
  CONSTRAINT instruction_bundles_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT instruction_bundles_pkey PRIMARY KEY (agent_id)
);

CREATE TABLE instruction_files (
  agent_id uuid NOT NULL,
  company_id uuid NOT NULL,
  path text NOT NULL,
  content text NOT NULL,
  revision_id uuid NOT NULL,
  updated_by_agent_id uuid,
  updated_by_user_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT instruction_files_agent_id_instruction_bundles_agent_id_fk FOREIGN KEY (agent_id) REFERENCES instruction_bundles(agent_id) ON DELETE CASCADE,
  CONSTRAINT instruction_files_agent_id_path_pk PRIMARY KEY (agent_id, path),
  CONSTRAINT instruction_files_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE
);
CREATE INDEX instruction_files_company ON public.instruction_files USING btree (company_id);

CREATE TABLE invites (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid,
  invite_type text NOT NULL,
  token_hash text NOT NULL,
  allowed_join_types text NOT NULL,
  member_role text DEFAULT 'operator'::text NOT NULL,
  defaults_payload jsonb,
  invite_message text,
  expires_at timestamp(3) with time zone NOT NULL,
  invited_by_user_id text,
  revoked_at timestamp(3) with time zone,
  accepted_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  invited_by_agent_id uuid,
  CONSTRAINT invites_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT invites_pkey PRIMARY KEY (id)
);
CREATE INDEX invites_company ON public.invites USING btree (company_id);
CREATE UNIQUE INDEX invites_token_key ON public.invites USING btree (token_hash);

CREATE TABLE issue_approvals (
  issue_id uuid NOT NULL,
  approval_id uuid NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_approvals_approval_id_approvals_id_fk FOREIGN KEY (approval_id) REFERENCES approvals(id) ON DELETE CASCADE,
  CONSTRAINT issue_approvals_issue_id_approval_id_pk PRIMARY KEY (issue_id, approval_id),
  CONSTRAINT issue_approvals_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE
);
CREATE INDEX issue_approvals_approval ON public.issue_approvals USING btree (approval_id);

CREATE TABLE issue_attachments (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  issue_comment_id uuid,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_attachments_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_attachments_issue_comment_id_issue_comments_id_fk FOREIGN KEY (issue_comment_id) REFERENCES issue_comments(id) ON DELETE SET NULL,
  CONSTRAINT issue_attachments_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_attachments_pkey PRIMARY KEY (id)
);
CREATE INDEX issue_attachments_comment ON public.issue_attachments USING btree (issue_comment_id);
CREATE INDEX issue_attachments_company ON public.issue_attachments USING btree (company_id);
CREATE INDEX issue_attachments_issue ON public.issue_attachments USING btree (issue_id, created_at, id);

CREATE TABLE issue_blockers (
  blocked_issue_id uuid NOT NULL,
  blocker_issue_id uuid NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_blockers_blocked_issue_id_blocker_issue_id_pk PRIMARY KEY (blocked_issue_id, blocker_issue_id),
  CONSTRAINT issue_blockers_blocked_issue_id_issues_id_fk FOREIGN KEY (blocked_issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_blockers_blocker_issue_id_issues_id_fk FOREIGN KEY (blocker_issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_blockers_self_check CHECK (blocked_issue_id <> blocker_issue_id)
);
CREATE INDEX issue_blockers_blocker ON public.issue_blockers USING btree (blocker_issue_id);

CREATE TABLE issue_comments (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  author_agent_id uuid,
  author_user_id text,
  created_by_run_id uuid,
  body text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_comments_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_comments_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_comments_pkey PRIMARY KEY (id)
);
CREATE INDEX issue_comments_author_agent ON public.issue_comments USING btree (author_agent_id, issue_id) WHERE (author_agent_id IS NOT NULL);
CREATE INDEX issue_comments_author_user ON public.issue_comments USING btree (author_user_id, issue_id) WHERE (author_user_id IS NOT NULL);
CREATE INDEX issue_comments_issue ON public.issue_comments USING btree (issue_id, created_at DESC, id DESC);
CREATE TRIGGER issue_comments_people AFTER INSERT ON issue_comments FOR EACH ROW EXECUTE FUNCTION note_people_of_comment();
CREATE TRIGGER issue_comments_search AFTER INSERT OR DELETE OR UPDATE OF body ON issue_comments FOR EACH ROW EXECUTE FUNCTION note_text_of_issue();

CREATE TABLE issue_counters (
  company_id uuid NOT NULL,
  last_number integer NOT NULL,
  CONSTRAINT issue_counters_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_counters_pkey PRIMARY KEY (company_id)
);

CREATE TABLE issue_counts (
  company_id uuid NOT NULL,
  status text NOT NULL,
  slot integer NOT NULL,
  issues integer NOT NULL,
  CONSTRAINT issue_counts_company_id_status_slot_pk PRIMARY KEY (company_id, status, slot)
);

CREATE TABLE issue_document_revisions (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  document_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  key text NOT NULL,
  revision_number integer NOT NULL,
  title text,
  format text DEFAULT 'markdown'::text NOT NULL,
  body text NOT NULL,
  change_summary text,
  created_by_agent_id uuid,
  created_by_user_id text,
  created_by_run_id uuid,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_document_revisions_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_document_revisions_document_id_issue_documents_id_fk FOREIGN KEY (document_id) REFERENCES issue_documents(id) ON DELETE CASCADE,
  CONSTRAINT issue_document_revisions_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX issue_document_revisions_key ON public.issue_document_revisions USING btree (document_id, revision_number);

CREATE TABLE issue_documents (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  key text NOT NULL,
  title text,
  format text DEFAULT 'markdown'::text NOT NULL,
  body text NOT NULL,
  latest_revision_id uuid NOT NULL,
  latest_revision_number integer NOT NULL,
  created_by_agent_id uuid,
  created_by_user_id text,
  updated_by_agent_id uuid,
  updated_by_user_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_documents_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_documents_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_documents_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX issue_documents_key ON public.issue_documents USING btree (issue_id, key);
CREATE TRIGGER issue_documents_search AFTER INSERT OR DELETE OR UPDATE OF title, body ON issue_documents FOR EACH ROW EXECUTE FUNCTION note_text_of_issue();

CREATE TABLE issue_inbox_archives (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  user_id text NOT NULL,
  archived_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_inbox_archives_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_inbox_archives_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_inbox_archives_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX issue_inbox_archives_key ON public.issue_inbox_archives USING btree (issue_id, user_id);

CREATE TABLE issue_labels (
  issue_id uuid NOT NULL,
  label_id uuid NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_labels_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_labels_issue_id_label_id_pk PRIMARY KEY (issue_id, label_id),
  CONSTRAINT issue_labels_label_id_labels_id_fk FOREIGN KEY (label_id) REFERENCES labels(id) ON DELETE CASCADE
);
CREATE INDEX issue_labels_label ON public.issue_labels USING btree (label_id, issue_id);

CREATE TABLE issue_lock_evictions (
  issue_id uuid NOT NULL,
  run_id uuid NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_lock_evictions_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_lock_evictions_issue_id_run_id_pk PRIMARY KEY (issue_id, run_id),
  CONSTRAINT issue_lock_evictions_run_id_heartbeat_runs_id_fk FOREIGN KEY (run_id) REFERENCES heartbeat_runs(id) ON DELETE CASCADE
);
CREATE INDEX issue_lock_evictions_run ON public.issue_lock_evictions USING btree (run_id);

CREATE TABLE issue_participants (
  issue_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  is_creator boolean NOT NULL,
  CONSTRAINT issue_participants_issue_id_agent_id_pk PRIMARY KEY (issue_id, agent_id)
);
CREATE INDEX issue_participants_agent ON public.issue_participants USING btree (agent_id, issue_id);
CREATE INDEX issue_participants_creator ON public.issue_participants USING btree (agent_id, issue_id) WHERE is_creator;

CREATE TABLE issue_read_states (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  user_id text NOT NULL,
  last_read_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_read_states_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_read_states_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_read_states_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX issue_read_states_key ON public.issue_read_states USING btree (issue_id, user_id);
CREATE TRIGGER issue_read_states_people AFTER INSERT OR DELETE OR UPDATE ON issue_read_states FOR EACH ROW EXECUTE FUNCTION note_reader();

CREATE TABLE issue_search (
  issue_id uuid NOT NULL,
  source_id uuid NOT NULL,
  keys integer[] NOT NULL,
  CONSTRAINT issue_search_issue_id_source_id_pk PRIMARY KEY (issue_id, source_id)
);
CREATE INDEX issue_search_keys ON public.issue_search USING gin (keys);

CREATE TABLE issue_search_changes (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  issue_id uuid NOT NULL,
  source_id uuid NOT NULL,
  CONSTRAINT issue_search_changes_pkey PRIMARY KEY (id)
);

CREATE TABLE issue_search_segments (
  company_id uuid NOT NULL,
  segment integer NOT NULL,
  CONSTRAINT issue_search_segments_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_search_segments_company_id_segment_pk PRIMARY KEY (company_id, segment)
);

CREATE TABLE issue_thread_interactions (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  issue_id uuid NOT NULL,
  kind text NOT NULL,
  status text DEFAULT 'pending'::text NOT NULL,
  continuation_policy text NOT NULL,
  idempotency_key text,
  source_comment_id uuid,
  source_run_id uuid,
  title text,
  summary text,
  created_by_agent_id uuid,
  created_by_user_id text,
  resolved_by_agent_id uuid,
  resolved_by_user_id text,
  payload jsonb NOT NULL,
  result jsonb,
  resolved_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_thread_interactions_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_thread_interactions_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_thread_interactions_pkey PRIMARY KEY (id),
  CONSTRAINT issue_thread_interactions_status_check CHECK (status = ANY (ARRAY['pending'::text, 'accepted'::text, 'rejected'::text, 'answered'::text, 'cancelled'::text, 'expired'::text, 'failed'::text]))
);
CREATE INDEX issue_thread_interactions_issue ON public.issue_thread_interactions USING btree (issue_id, created_at, id);
CREATE UNIQUE INDEX issue_thread_interactions_key ON public.issue_thread_interactions USING btree (issue_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);

CREATE TABLE issue_touches (
  issue_id uuid NOT NULL,
  user_id text NOT NULL,
  is_creator boolean NOT NULL,
  is_assignee boolean NOT NULL,
  last_touch_at timestamp(3) with time zone,
  is_unread boolean NOT NULL,
  CONSTRAINT issue_touches_issue_id_user_id_pk PRIMARY KEY (issue_id, user_id)
);
CREATE INDEX issue_touches_assignee ON public.issue_touches USING btree (user_id, issue_id) WHERE is_assignee;
CREATE INDEX issue_touches_creator ON public.issue_touches USING btree (user_id, issue_id) WHERE is_creator;
CREATE INDEX issue_touches_unread ON public.issue_touches USING btree (user_id, issue_id) WHERE is_unread;
CREATE INDEX issue_touches_user ON public.issue_touches USING btree (user_id, issue_id);

CREATE TABLE issue_work_products (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  project_id uuid,
  issue_id uuid NOT NULL,
  execution_workspace_id uuid,
  runtime_service_id uuid,
  type text NOT NULL,
  provider text NOT NULL,
  external_id text,
  title text NOT NULL,
  url text,
  status text DEFAULT 'active'::text NOT NULL,
  review_state text DEFAULT 'none'::text NOT NULL,
  is_primary boolean DEFAULT false NOT NULL,
  health_status text DEFAULT 'unknown'::text NOT NULL,
  summary text,
  metadata jsonb,
  created_by_run_id uuid,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issue_work_products_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issue_work_products_health_check CHECK (health_status = ANY (ARRAY['unknown'::text, 'healthy'::text, 'unhealthy'::text])),
  CONSTRAINT issue_work_products_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT issue_work_products_pkey PRIMARY KEY (id),
  CONSTRAINT issue_work_products_project_id_projects_id_fk FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE SET NULL,
  CONSTRAINT issue_work_products_review_check CHECK (review_state = ANY (ARRAY['none'::text, 'needs_board_review'::text, 'approved'::text, 'changes_requested'::text])),
  CONSTRAINT issue_work_products_status_check CHECK (status = ANY (ARRAY['active'::text, 'ready_for_review'::text, 'approved'::text, 'changes_requested'::text, 'merged'::text, 'closed'::text, 'failed'::text, 'archived'::text, 'draft'::text])),
  CONSTRAINT issue_work_products_type_check CHECK (type = ANY (ARRAY['preview_url'::text, 'runtime_service'::text, 'pull_request'::text, 'branch'::text, 'commit'::text, 'artifact'::text, 'document'::text]))
);
CREATE INDEX issue_work_products_issue ON public.issue_work_products USING btree (issue_id, is_primary DESC, created_at DESC, id DESC);
CREATE UNIQUE INDEX issue_work_products_primary ON public.issue_work_products USING btree (issue_id) WHERE is_primary;
CREATE INDEX issue_work_products_project ON public.issue_work_products USING btree (project_id) WHERE (project_id IS NOT NULL);

CREATE TABLE issues (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  project_id uuid,
  project_workspace_id uuid,
  goal_id uuid,
  parent_id uuid,
  title text NOT NULL,
  description text,
  status text DEFAULT 'backlog'::text NOT NULL,
  priority text DEFAULT 'medium'::text NOT NULL,
  assignee_agent_id uuid,
  assignee_user_id text,
  checkout_run_id uuid,
  execution_run_id uuid,
  execution_agent_name_key text,
  execution_locked_at timestamp(3) with time zone,
  lock_epoch bigint DEFAULT 0 NOT NULL,
  created_by_agent_id uuid,
  created_by_user_id text,
  issue_number integer NOT NULL,
  identifier text NOT NULL,
  origin_kind text DEFAULT 'manual'::text NOT NULL,
  origin_id text,
  origin_run_id uuid,
  request_depth integer DEFAULT 0 NOT NULL,
  billing_code text,
  assignee_adapter_overrides jsonb,
  execution_workspace_id uuid,
  execution_workspace_preference text,
  execution_workspace_settings jsonb,
  started_at timestamp(3) with time zone,
  completed_at timestamp(3) with time zone,
  cancelled_at timestamp(3) with time zone,
  hidden_at timestamp(3) with time zone,
  closed_by_run_id uuid,
  version bigint DEFAULT 1 NOT NULL,
  priority_rank smallint GENERATED ALWAYS AS (
CASE priority
    WHEN 'critical'::text THEN 0
    WHEN 'high'::text THEN 1
    WHEN 'medium'::text THEN 2
    ELSE 3
END) STORED NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT issues_assignee_agent_id_agents_id_fk FOREIGN KEY (assignee_agent_id) REFERENCES agents(id) ON DELETE SET NULL,
  CONSTRAINT issues_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT issues_goal_id_goals_id_fk FOREIGN KEY (goal_id) REFERENCES goals(id) ON DELETE SET NULL,
  CONSTRAINT issues_one_assignee_check CHECK (assignee_agent_id IS NULL OR assignee_user_id IS NULL),
  CONSTRAINT issues_parent_id_issues_id_fk FOREIGN KEY (parent_id) REFERENCES issues(id) ON DELETE SET NULL,
  CONSTRAINT issues_pkey PRIMARY KEY (id),
  CONSTRAINT issues_priority_check CHECK (priority = ANY (ARRAY['critical'::text, 'high'::text, 'medium'::text, 'low'::text])),
  CONSTRAINT issues_project_id_projects_id_fk FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE SET NULL,
  CONSTRAINT issues_status_check CHECK (status = ANY (ARRAY['backlog'::text, 'todo'::text, 'in_progress'::text, 'in_review'::text, 'done'::text, 'blocked'::text, 'cancelled'::text]))
);
CREATE INDEX issues_assignee ON public.issues USING btree (assignee_agent_id, status, priority_rank, updated_at DESC, id DESC) WHERE (assignee_agent_id IS NOT NULL);
CREATE INDEX issues_claimable ON public.issues USING btree (company_id, status, priority_rank, created_at, id) WHERE ((assignee_agent_id IS NULL) AND (assignee_user_id IS NULL) AND (hidden_at IS NULL));
CREATE INDEX issues_execution_run ON public.issues USING btree (execution_run_id) WHERE ((execution_run_id IS NOT NULL) AND (execution_run_id IS DISTINCT FROM checkout_run_id));
CREATE INDEX issues_execution_workspace ON public.issues USING btree (execution_workspace_id) WHERE (execution_workspace_id IS NOT NULL);
CREATE INDEX issues_goal ON public.issues USING btree (goal_id) WHERE (goal_id IS NOT NULL);
CREATE INDEX issues_held ON public.issues USING btree (company_id, checkout_run_id) WHERE ((checkout_run_id IS NOT NULL) OR (execution_run_id IS NOT NULL));
CREATE UNIQUE INDEX issues_identifier_key ON public.issues USING btree (identifier);
CREATE INDEX issues_list ON public.issues USING btree (company_id, priority_rank, updated_at DESC, id DESC) WHERE (hidden_at IS NULL);
CREATE INDEX issues_list_by_status ON public.issues USING btree (company_id, status, priority_rank, updated_at DESC, id DESC) WHERE (hidden_at IS NULL);
CREATE INDEX issues_list_of_project ON public.issues USING btree (project_id, status, priority_rank, updated_at DESC, id DESC) WHERE ((project_id IS NOT NULL) AND (hidden_at IS NULL));
CREATE INDEX issues_origin ON public.issues USING btree (company_id, origin_id) WHERE (origin_id IS NOT NULL);
CREATE INDEX issues_origin_kind ON public.issues USING btree (company_id, origin_kind, priority_rank, updated_at DESC, id DESC) WHERE (origin_kind <> 'manual'::text);
CREATE INDEX issues_parent ON public.issues USING btree (parent_id) WHERE (parent_id IS NOT NULL);
CREATE INDEX issues_project ON public.issues USING btree (project_id) WHERE (project_id IS NOT NULL);
CREATE INDEX issues_project_workspace ON public.issues USING btree (project_workspace_id) WHERE (project_workspace_id IS NOT NULL);
CREATE TRIGGER issues_count AFTER INSERT OR DELETE ON issues FOR EACH ROW EXECUTE FUNCTION count_issue();
CREATE TRIGGER issues_count_update AFTER UPDATE OF status, hidden_at ON issues FOR EACH ROW WHEN (old.status <> new.status OR (old.hidden_at IS NULL) <> (new.hidden_at IS NULL)) EXECUTE FUNCTION count_issue();
CREATE TRIGGER issues_lock_epoch BEFORE UPDATE ON issues FOR EACH ROW WHEN (new.lock_epoch < old.lock_epoch) EXECUTE FUNCTION keep_lock_epoch();
CREATE TRIGGER issues_of_routines_deleted AFTER DELETE ON issues FOR EACH ROW WHEN (old.origin_kind = 'routine_execution'::text) EXECUTE FUNCTION note_closed_issue_of_routine();
CREATE TRIGGER issues_of_routines_status AFTER UPDATE OF status ON issues FOR EACH ROW WHEN (old.origin_kind = 'routine_execution'::text AND old.status IS DISTINCT FROM new.status AND (old.status = ANY (ARRAY['done'::text, 'cancelled'::text])) IS DISTINCT FROM (new.status = ANY (ARRAY['done'::text, 'cancelled'::text]))) EXECUTE FUNCTION note_closed_issue_of_routine();
CREATE TRIGGER issues_people AFTER INSERT OR DELETE ON issues FOR EACH ROW EXECUTE FUNCTION note_people_of_issue();
CREATE TRIGGER issues_people_update AFTER UPDATE OF assignee_agent_id, assignee_user_id ON issues FOR EACH ROW WHEN (old.assignee_user_id IS DISTINCT FROM new.assignee_user_id OR new.assignee_agent_id IS NOT NULL AND old.assignee_agent_id IS DISTINCT FROM new.assignee_agent_id) EXECUTE FUNCTION note_people_of_issue();
CREATE TRIGGER issues_search AFTER INSERT OR DELETE ON issues FOR EACH ROW EXECUTE FUNCTION note_issue_text();
CREATE TRIGGER issues_search_update AFTER UPDATE OF title, description, identifier, issue_number ON issues FOR EACH ROW WHEN (old.title IS DISTINCT FROM new.title OR old.description IS DISTINCT FROM new.description OR old.identifier IS DISTINCT FROM new.identifier OR old.issue_number IS DISTINCT FROM new.issue_number) EXECUTE FUNCTION note_issue_text();
CREATE TRIGGER issues_version BEFORE UPDATE ON issues FOR EACH ROW EXECUTE FUNCTION count_issue_version();

CREATE TABLE join_requests (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  invite_id uuid NOT NULL,
  company_id uuid NOT NULL,
  request_type text NOT NULL,
  status text DEFAULT 'pending_approval'::text NOT NULL,
  request_ip text NOT NULL,
  requesting_user_id text,
  request_email_snapshot text,
  agent_name text,
  adapter_type text,
  capabilities text,
  agent_defaults_payload jsonb,
  claim_secret_hash text,
  claim_secret_expires_at timestamp(3) with time zone,
  claim_secret_consumed_at timestamp(3) with time zone,
  created_agent_id uuid,
  approved_by_user_id text,
  approved_at timestamp(3) with time zone,
  rejected_by_user_id text,
  rejected_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  approved_by_agent_id uuid,
  rejected_by_agent_id uuid,
  CONSTRAINT join_requests_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT join_requests_created_agent_id_agents_id_fk FOREIGN KEY (created_agent_id) REFERENCES agents(id) ON DELETE SET NULL,
  CONSTRAINT join_requests_invite_id_invites_id_fk FOREIGN KEY (invite_id) REFERENCES invites(id) ON DELETE CASCADE,
  CONSTRAINT join_requests_pkey PRIMARY KEY (id)
);
CREATE INDEX join_requests_agent ON public.join_requests USING btree (created_agent_id);
CREATE INDEX join_requests_invite ON public.join_requests USING btree (invite_id);
CREATE INDEX join_requests_list ON public.join_requests USING btree (company_id, created_at, id);

CREATE TABLE labels (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  name text NOT NULL,
  color text NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT labels_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT labels_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX labels_name_key ON public.labels USING btree (company_id, lower(name));

CREATE TABLE logins (
  id uuid NOT NULL,
  account_id text NOT NULL,
  provider_id text NOT NULL,
  person_id text NOT NULL,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamp(3) with time zone,
  refresh_token_expires_at timestamp(3) with time zone,
  scope text,
  password text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT logins_person_id_people_id_fk FOREIGN KEY (person_id) REFERENCES people(id) ON DELETE CASCADE,
  CONSTRAINT logins_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX logins_account_key ON public.logins USING btree (provider_id, account_id);
CREATE INDEX logins_person ON public.logins USING btree (person_id);

CREATE TABLE people (
  id text NOT NULL,
  name text NOT NULL,
  email text NOT NULL,
  email_verified boolean DEFAULT false NOT NULL,
  image text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT people_email_check CHECK (email = lower(email)),
  CONSTRAINT people_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX people_email_key ON public.people USING btree (email);
CREATE INDEX people_order ON public.people USING btree (created_at, id);

CREATE TABLE principal_permission_grants (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  principal_type text NOT NULL,
  principal_id text NOT NULL,
  permission_key text NOT NULL,
  scope jsonb,
  granted_by_user_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT principal_permission_grants_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT principal_permission_grants_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX principal_permission_grants_key ON public.principal_permission_grants USING btree (company_id, principal_type, principal_id, permission_key);
CREATE INDEX principal_permission_grants_principal ON public.principal_permission_grants USING btree (principal_id);

CREATE TABLE project_goals (
  project_id uuid NOT NULL,
  goal_id uuid NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT project_goals_goal_id_goals_id_fk FOREIGN KEY (goal_id) REFERENCES goals(id) ON DELETE CASCADE,
  CONSTRAINT project_goals_project_id_goal_id_pk PRIMARY KEY (project_id, goal_id),
  CONSTRAINT project_goals_project_id_projects_id_fk FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE
);
CREATE INDEX project_goals_goal ON public.project_goals USING btree (goal_id);

CREATE TABLE project_workspaces (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  project_id uuid NOT NULL,
  name text NOT NULL,
  source_type text NOT NULL,
  cwd text,
  repo_url text,
  repo_ref text,
  default_ref text,
  visibility text DEFAULT 'default'::text NOT NULL,
  setup_command text,
  cleanup_command text,
  remote_provider text,
  remote_workspace_ref text,
  shared_workspace_key text,
  metadata jsonb,
  runtime_config jsonb,
  is_primary boolean DEFAULT false NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT project_workspaces_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT project_workspaces_pkey PRIMARY KEY (id),
  CONSTRAINT project_workspaces_project_id_projects_id_fk FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE
);
CREATE INDEX project_workspaces_project ON public.project_workspaces USING btree (project_id, created_at);

CREATE TABLE projects (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  goal_id uuid,
  name text NOT NULL,
  url_key text NOT NULL,
  description text,
  status text DEFAULT 'backlog'::text NOT NULL,
  lead_agent_id uuid,
  target_date text,
  color text,
  pause_reason text,
  paused_at timestamp(3) with time zone,
  execution_workspace_policy jsonb,
  archived_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  env jsonb,
  CONSTRAINT projects_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT projects_goal_id_goals_id_fk FOREIGN KEY (goal_id) REFERENCES goals(id) ON DELETE SET NULL,
  CONSTRAINT projects_lead_agent_id_agents_id_fk FOREIGN KEY (lead_agent_id) REFERENCES agents(id) ON DELETE SET NULL,
  CONSTRAINT projects_pkey PRIMARY KEY (id)
);
CREATE INDEX projects_company ON public.projects USING btree (company_id, created_at);
CREATE TRIGGER budget_policies_of_project AFTER DELETE ON projects FOR EACH ROW EXECUTE FUNCTION end_budget_policies('project');

CREATE TABLE recovery_codes (
  hash text NOT NULL,
  person_id text NOT NULL,
  CONSTRAINT recovery_codes_person_id_second_factors_person_id_fk FOREIGN KEY (person_id) REFERENCES second_factors(person_id) ON DELETE CASCADE,
  CONSTRAINT recovery_codes_pkey PRIMARY KEY (hash)
);
CREATE INDEX recovery_codes_person ON public.recovery_codes USING btree (person_id);

CREATE TABLE routine_runs (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  routine_id uuid NOT NULL,
  trigger_id uuid,
  source text NOT NULL,
  status text NOT NULL,
  triggered_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  due_at timestamp(3) with time zone,
  idempotency_key text,
  replay_key text,
  trigger_payload jsonb,
  linked_issue_id uuid,
  coalesced_into_run_id uuid,
  failure_reason text,
  dispatch_fingerprint text,
  completed_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  issue_closed boolean DEFAULT false NOT NULL,
  CONSTRAINT routine_runs_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT routine_runs_pkey PRIMARY KEY (id),
  CONSTRAINT routine_runs_routine_id_routines_id_fk FOREIGN KEY (routine_id) REFERENCES routines(id) ON DELETE CASCADE,
  CONSTRAINT routine_runs_source_check CHECK (source = ANY (ARRAY['schedule'::text, 'manual'::text, 'api'::text, 'webhook'::text])),
  CONSTRAINT routine_runs_status_check CHECK (status = ANY (ARRAY['received'::text, 'issue_created'::text, 'coalesced'::text, 'skipped'::text, 'completed'::text, 'failed'::text]))
);
CREATE INDEX routine_runs_active ON public.routine_runs USING btree (routine_id, created_at DESC, id DESC) WHERE (status = 'issue_created'::text);
CREATE INDEX routine_runs_age ON public.routine_runs USING btree (created_at);
CREATE INDEX routine_runs_closed ON public.routine_runs USING btree (created_at, id) WHERE ((status = 'issue_created'::text) AND issue_closed);
CREATE INDEX routine_runs_company ON public.routine_runs USING btree (company_id);
CREATE UNIQUE INDEX routine_runs_due_key ON public.routine_runs USING btree (trigger_id, due_at) WHERE (due_at IS NOT NULL);
CREATE UNIQUE INDEX routine_runs_idempotency_key ON public.routine_runs USING btree (routine_id, COALESCE(trigger_id, routine_id), idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE UNIQUE INDEX routine_runs_replay_key ON public.routine_runs USING btree (trigger_id, replay_key) WHERE (replay_key IS NOT NULL);
CREATE INDEX routine_runs_routine ON public.routine_runs USING btree (routine_id, created_at DESC, id DESC);

CREATE TABLE routine_triggers (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  routine_id uuid NOT NULL,
  kind text NOT NULL,
  label text,
  enabled boolean DEFAULT true NOT NULL,
  cron_expression text,
  timezone text,
  next_run_at timestamp(3) with time zone,
  last_due_at timestamp(3) with time zone,
  last_fired_at timestamp(3) with time zone,
  public_id text,
  signing_mode text,
  replay_window_sec integer,
  secret_version integer DEFAULT 0 NOT NULL,
  key_id uuid,
  sealed bytea,
  last_rotated_at timestamp(3) with time zone,
  last_result text,
  created_by_agent_id uuid,
  created_by_user_id text,
  updated_by_agent_id uuid,
  updated_by_user_id text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  set_by_agent boolean DEFAULT false NOT NULL,
  CONSTRAINT routine_triggers_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT routine_triggers_due_check CHECK (next_run_at IS NULL OR kind = 'schedule'::text AND enabled),
  CONSTRAINT routine_triggers_kind_check CHECK (kind = ANY (ARRAY['schedule'::text, 'webhook'::text, 'api'::text])),
  CONSTRAINT routine_triggers_pkey PRIMARY KEY (id),
  CONSTRAINT routine_triggers_routine_id_routines_id_fk FOREIGN KEY (routine_id) REFERENCES routines(id) ON DELETE CASCADE,
  CONSTRAINT routine_triggers_schedule_check CHECK ((kind = 'schedule'::text) = (cron_expression IS NOT NULL AND timezone IS NOT NULL)),
  CONSTRAINT routine_triggers_webhook_check CHECK ((kind = 'webhook'::text) = (public_id IS NOT NULL AND sealed IS NOT NULL AND key_id IS NOT NULL))
);
CREATE INDEX routine_triggers_company ON public.routine_triggers USING btree (company_id);
CREATE INDEX routine_triggers_due ON public.routine_triggers USING btree (next_run_at, id) WHERE (next_run_at IS NOT NULL);
CREATE UNIQUE INDEX routine_triggers_public_key ON public.routine_triggers USING btree (public_id) WHERE (public_id IS NOT NULL);
CREATE INDEX routine_triggers_routine ON public.routine_triggers USING btree (routine_id, created_at, id);

CREATE TABLE routines (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  project_id uuid,
  goal_id uuid,
  parent_issue_id uuid,
  title text NOT NULL,
  description text,
  assignee_agent_id uuid,
  priority text DEFAULT 'medium'::text NOT NULL,
  status text DEFAULT 'active'::text NOT NULL,
  pause_reason text,
  concurrency_policy text DEFAULT 'coalesce_if_active'::text NOT NULL,
  catch_up_policy text DEFAULT 'skip_missed'::text NOT NULL,
  variables jsonb DEFAULT '[]'::jsonb NOT NULL,
  created_by_agent_id uuid,
  created_by_user_id text,
  updated_by_agent_id uuid,
  updated_by_user_id text,
  last_triggered_at timestamp(3) with time zone,
  last_enqueued_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT routines_assignee_agent_id_agents_id_fk FOREIGN KEY (assignee_agent_id) REFERENCES agents(id) ON DELETE SET NULL,
  CONSTRAINT routines_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT routines_goal_id_goals_id_fk FOREIGN KEY (goal_id) REFERENCES goals(id) ON DELETE SET NULL,
  CONSTRAINT routines_pause_check CHECK ((status = 'active'::text) = (pause_reason IS NULL)),
  CONSTRAINT routines_pkey PRIMARY KEY (id),
  CONSTRAINT routines_project_id_projects_id_fk FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE SET NULL,
  CONSTRAINT routines_status_check CHECK (status = ANY (ARRAY['active'::text, 'paused'::text, 'archived'::text]))
);
CREATE INDEX routines_assignee ON public.routines USING btree (assignee_agent_id) WHERE (assignee_agent_id IS NOT NULL);
CREATE INDEX routines_company ON public.routines USING btree (company_id, created_at, id);
CREATE INDEX routines_goal ON public.routines USING btree (goal_id) WHERE (goal_id IS NOT NULL);
CREATE INDEX routines_project ON public.routines USING btree (project_id) WHERE (project_id IS NOT NULL);

CREATE TABLE run_costs (
  company_id uuid NOT NULL,
  run_id uuid NOT NULL,
  is_subscription boolean NOT NULL,
  agent_id uuid NOT NULL,
  microcents bigint DEFAULT 0 NOT NULL,
  input_tokens bigint DEFAULT 0 NOT NULL,
  cached_input_tokens bigint DEFAULT 0 NOT NULL,
  output_tokens bigint DEFAULT 0 NOT NULL,
  event_count bigint DEFAULT 0 NOT NULL,
  unpriced_count bigint DEFAULT 0 NOT NULL,
  reported_microcents bigint DEFAULT 0 NOT NULL,
  reported_input_tokens bigint DEFAULT 0 NOT NULL,
  reported_cached_input_tokens bigint DEFAULT 0 NOT NULL,
  reported_output_tokens bigint DEFAULT 0 NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  first_event_id uuid,
  first_occurred_at timestamp(3) with time zone,
  CONSTRAINT run_costs_run_id_is_subscription_pk PRIMARY KEY (run_id, is_subscription)
);
CREATE INDEX run_costs_agent ON public.run_costs USING btree (agent_id, created_at DESC NULLS LAST);
CREATE INDEX run_costs_company ON public.run_costs USING btree (company_id, first_occurred_at);

CREATE TABLE run_event_floors (
  company_id uuid NOT NULL,
  txid xid8 NOT NULL,
  number bigint NOT NULL,
  CONSTRAINT run_event_floors_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT run_event_floors_pkey PRIMARY KEY (company_id)
);

CREATE TABLE run_secrets (
  run_id uuid NOT NULL,
  secret_id uuid NOT NULL,
  version integer NOT NULL,
  company_id uuid NOT NULL,
  CONSTRAINT run_secrets_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT run_secrets_run_id_heartbeat_runs_id_fk FOREIGN KEY (run_id) REFERENCES heartbeat_runs(id) ON DELETE CASCADE,
  CONSTRAINT run_secrets_run_id_secret_id_version_pk PRIMARY KEY (run_id, secret_id, version)
);
CREATE INDEX run_secrets_secret ON public.run_secrets USING btree (secret_id);

CREATE TABLE second_factors (
  person_id text NOT NULL,
  secret text NOT NULL,
  sealed_with text NOT NULL,
  last_step integer DEFAULT 0 NOT NULL,
  confirmed_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT second_factors_person_id_people_id_fk FOREIGN KEY (person_id) REFERENCES people(id) ON DELETE CASCADE,
  CONSTRAINT second_factors_pkey PRIMARY KEY (person_id)
);

CREATE TABLE server_secrets (
  server_id uuid NOT NULL,
  fingerprint text NOT NULL,
  lease_expires_at timestamp(3) with time zone NOT NULL,
  run_key_id text,
  session_fingerprint text,
  CONSTRAINT server_secrets_pkey PRIMARY KEY (server_id)
);

CREATE TABLE servers (
  id uuid NOT NULL,
  host_key text NOT NULL,
  pid integer NOT NULL,
  started_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  last_seen_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT servers_pkey PRIMARY KEY (id)
);

CREATE TABLE sign_ins (
  id uuid NOT NULL,
  token text NOT NULL,
  person_id text NOT NULL,
  expires_at timestamp(3) with time zone NOT NULL,
  ip_address text,
  user_agent text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT sign_ins_person_id_people_id_fk FOREIGN KEY (person_id) REFERENCES people(id) ON DELETE CASCADE,
  CONSTRAINT sign_ins_pkey PRIMARY KEY (id)
);
CREATE INDEX sign_ins_person ON public.sign_ins USING btree (person_id);
CREATE UNIQUE INDEX sign_ins_token_key ON public.sign_ins USING btree (token);

CREATE TABLE vault_state (
  id smallint NOT NULL,
  master_key_id text NOT NULL,
  canary bytea NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT vault_state_id_check CHECK (id = 1),
  CONSTRAINT vault_state_pkey PRIMARY KEY (id)
);

CREATE TABLE wake_skips (
  agent_id uuid NOT NULL,
  reason text NOT NULL,
  count bigint NOT NULL,
  last_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT wake_skips_agent_id_agents_id_fk FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE CASCADE,
  CONSTRAINT wake_skips_agent_id_reason_pk PRIMARY KEY (agent_id, reason)
);

CREATE TABLE wakes (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  issue_id uuid,
  source text NOT NULL,
  trigger_detail text,
  reason text NOT NULL,
  payload jsonb,
  status text NOT NULL,
  coalesced_count integer DEFAULT 0 NOT NULL,
  requested_by_actor_type text NOT NULL,
  requested_by_actor_id text NOT NULL,
  run_id uuid,
  close_reason text,
  claimed_at timestamp(3) with time zone,
  finished_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  losses integer DEFAULT 0 NOT NULL,
  CONSTRAINT wakes_agent_id_agents_id_fk FOREIGN KEY (agent_id) REFERENCES agents(id) ON DELETE CASCADE,
  CONSTRAINT wakes_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT wakes_issue_id_issues_id_fk FOREIGN KEY (issue_id) REFERENCES issues(id) ON DELETE CASCADE,
  CONSTRAINT wakes_pkey PRIMARY KEY (id),
  CONSTRAINT wakes_status_check CHECK (status = ANY (ARRAY['deferred_issue_execution'::text, 'queued'::text, 'claimed'::text, 'coalesced'::text, 'skipped'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))
);
CREATE INDEX wakes_agent ON public.wakes USING btree (agent_id);
CREATE INDEX wakes_finished ON public.wakes USING btree (finished_at) WHERE (finished_at IS NOT NULL);
CREATE INDEX wakes_issue ON public.wakes USING btree (issue_id, agent_id, created_at) WHERE (issue_id IS NOT NULL);
CREATE INDEX wakes_open ON public.wakes USING btree (agent_id, issue_id) WHERE COALESCE((status = ANY (ARRAY['deferred_issue_execution'::text, 'queued'::text, 'claimed'::text])), false);
CREATE INDEX wakes_requested ON public.wakes USING btree (company_id, created_at, requested_by_actor_id) WHERE (requested_by_actor_type = 'agent'::text);
CREATE INDEX wakes_run ON public.wakes USING btree (run_id) WHERE (run_id IS NOT NULL);
CREATE INDEX wakes_waiting ON public.wakes USING btree (issue_id, created_at, id) WHERE COALESCE((status = 'deferred_issue_execution'::text), false);

CREATE TABLE webhook_deliveries (
  id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  company_id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  message_id text NOT NULL,
  event text NOT NULL,
  cursor text,
  attempt integer NOT NULL,
  status integer,
  error_code text,
  error text,
  duration_ms integer NOT NULL,
  answer text,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
  CONSTRAINT webhook_deliveries_webhook_id_webhook_endpoints_id_fk FOREIGN KEY (webhook_id) REFERENCES webhook_endpoints(id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_age ON public.webhook_deliveries USING btree (created_at);
CREATE INDEX webhook_deliveries_endpoint ON public.webhook_deliveries USING btree (webhook_id, id);

CREATE TABLE webhook_endpoints (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  url text NOT NULL,
  description text,
  events jsonb NOT NULL,
  status text DEFAULT 'active'::text NOT NULL,
  stopped_at timestamp(3) with time zone,
  stopped_reason text,
  cursor_txid xid8 NOT NULL,
  cursor_source smallint NOT NULL,
  cursor_number bigint NOT NULL,
  consecutive_failures integer DEFAULT 0 NOT NULL,
  failing_since timestamp(3) with time zone,
  next_attempt_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  last_error text,
  last_success_at timestamp(3) with time zone,
  secret_version integer DEFAULT 1 NOT NULL,
  secret_key_id uuid NOT NULL,
  secret_sealed bytea NOT NULL,
  previous_secret_key_id uuid,
  previous_secret_sealed bytea,
  previous_secret_until timestamp(3) with time zone,
  lease_epoch bigint DEFAULT 0 NOT NULL,
  leased_until timestamp(3) with time zone DEFAULT now() NOT NULL,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  updated_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT webhook_endpoints_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id),
  CONSTRAINT webhook_endpoints_previous_check CHECK ((previous_secret_until IS NULL) = (previous_secret_sealed IS NULL) AND (previous_secret_until IS NULL) = (previous_secret_key_id IS NULL)),
  CONSTRAINT webhook_endpoints_reason_check CHECK (stopped_reason = ANY (ARRAY['retries_exhausted'::text, 'log_not_kept'::text, 'gone'::text, 'board'::text])),
  CONSTRAINT webhook_endpoints_status_check CHECK (status = ANY (ARRAY['active'::text, 'parked'::text, 'disabled'::text])),
  CONSTRAINT webhook_endpoints_stopped_check CHECK ((status = 'active'::text) = (stopped_at IS NULL) AND (status = 'active'::text) = (stopped_reason IS NULL))
);
CREATE INDEX webhook_endpoints_company ON public.webhook_endpoints USING btree (company_id, created_at, id);
CREATE INDEX webhook_endpoints_due ON public.webhook_endpoints USING btree (leased_until) WHERE (status = 'active'::text);

CREATE TABLE workspace_operations (
  id uuid DEFAULT gen_random_uuid() NOT NULL,
  company_id uuid NOT NULL,
  workspace_id uuid NOT NULL,
  run_id uuid,
  phase text NOT NULL,
  status text DEFAULT 'running'::text NOT NULL,
  error text,
  log text DEFAULT ''::text NOT NULL,
  log_bytes integer DEFAULT 0 NOT NULL,
  number bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
  started_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  finished_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone DEFAULT now() NOT NULL,
  CONSTRAINT workspace_operations_company_id_companies_id_fk FOREIGN KEY (company_id) REFERENCES companies(id) ON DELETE CASCADE,
  CONSTRAINT workspace_operations_finished_check CHECK ((status = 'running'::text) = (finished_at IS NULL)),
  CONSTRAINT workspace_operations_phase_check CHECK (phase = ANY (ARRAY['create'::text, 'close'::text])),
  CONSTRAINT workspace_operations_pkey PRIMARY KEY (id),
  CONSTRAINT workspace_operations_status_check CHECK (status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text])),
  CONSTRAINT workspace_operations_workspace_id_execution_workspaces_id_fk FOREIGN KEY (workspace_id) REFERENCES execution_workspaces(id) ON DELETE CASCADE
);
CREATE INDEX workspace_operations_company ON public.workspace_operations USING btree (company_id);
CREATE INDEX workspace_operations_run ON public.workspace_operations USING btree (run_id) WHERE (run_id IS NOT NULL);
CREATE INDEX workspace_operations_workspace ON public.workspace_operations USING btree (workspace_id, number);

CREATE OR REPLACE FUNCTION public.applied_migrations()
 RETURNS TABLE(hash text, written_at bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  RETURN QUERY SELECT m.hash, m.created_at FROM drizzle.__drizzle_migrations m;
END $function$
;

CREATE OR REPLACE FUNCTION public.begin_budget_windows()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION public.budget_policy_of_column()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION public.count_issue()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION public.count_issue_version()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $function$
;

CREATE OR REPLACE FUNCTION public.end_budget_policies()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  DELETE FROM budget_policies WHERE company_id = OLD.company_id AND scope_type = TG_ARGV[0] AND scope_id = OLD.id;
  RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION public.event_horizon(OUT horizon xid8, OUT newest xid8)
 RETURNS record
 LANGUAGE plpgsql
AS $function$
DECLARE
  counter bigint;
  oldest bigint;
BEGIN
  SELECT last_value INTO counter FROM event_tickets;
  SELECT min(counter + ((objid::bigint - counter + 1073741824) & 2147483647) - 1073741824) INTO oldest FROM pg_locks
  WHERE locktype = 'advisory' AND classid = 7203312 AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
  horizon := least(counter, oldest)::text::xid8;
  newest := counter::text::xid8;
END $function$
;

CREATE OR REPLACE FUNCTION public.event_ticket_lag(OUT counter bigint, OUT newest bigint)
 RETURNS record
 LANGUAGE sql
 STABLE
AS $function$
  SELECT (SELECT last_value FROM event_tickets), greatest(
    (SELECT l.txid::text::bigint FROM activity_log l ORDER BY l.txid DESC LIMIT 1),
    (SELECT e.txid::text::bigint FROM heartbeat_run_events e ORDER BY e.txid DESC LIMIT 1),
    (SELECT c.txid::text::bigint FROM activity_chain c ORDER BY c.txid DESC LIMIT 1), 0)
$function$
;

CREATE OR REPLACE FUNCTION public.keep_lock_epoch()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'lock_epoch of issue % may not go back from % to %', OLD.id, OLD.lock_epoch, NEW.lock_epoch;
END $function$
;

CREATE OR REPLACE FUNCTION public.keep_run_outcome()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'run % has ended as % and cannot become %', OLD.id, OLD.status, NEW.status;
END $function$
;

CREATE OR REPLACE FUNCTION public.keep_witness_line()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'the line of witness % may not go back from % to %', OLD.key_id, OLD.line, NEW.line;
END $function$
;

CREATE OR REPLACE FUNCTION public.look_at_touch(issue uuid, person text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION public.note_acting_agent()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  -- A row of the log holds any text. The row about a deletion comes after the issue is gone.
  IF NEW.entity_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' AND NEW.actor_id ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' THEN
    INSERT INTO public.issue_participants (issue_id, agent_id, is_creator)
      SELECT i.id, NEW.actor_id::uuid, false FROM public.issues i WHERE i.id = NEW.entity_id::uuid ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION public.note_closed_issue_of_routine()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  UPDATE routine_runs SET issue_closed = (TG_OP = 'DELETE' OR NEW.status IN ('done', 'cancelled'))
    WHERE id = OLD.origin_run_id AND linked_issue_id = OLD.id AND status = 'issue_created';
  RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION public.note_issue_text()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  INSERT INTO public.issue_search_changes (issue_id, source_id)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END, CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END);
  RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION public.note_people_of_comment()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF NEW.author_agent_id IS NOT NULL THEN
    INSERT INTO public.issue_participants (issue_id, agent_id, is_creator) VALUES (NEW.issue_id, NEW.author_agent_id, false) ON CONFLICT DO NOTHING;
  END IF;
  IF NEW.author_user_id IS NOT NULL THEN PERFORM public.look_at_touch(NEW.issue_id, NEW.author_user_id); END IF;
  UPDATE public.issue_touches t SET is_unread = true
    WHERE t.issue_id = NEW.issue_id AND t.user_id IS DISTINCT FROM NEW.author_user_id AND NOT t.is_unread
      AND coalesce(t.last_touch_at, '-infinity') < NEW.created_at;
  RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION public.note_people_of_issue()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION public.note_reader()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM public.look_at_touch(OLD.issue_id, OLD.user_id);
  ELSE
    PERFORM public.look_at_touch(NEW.issue_id, NEW.user_id);
  END IF;
  RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION public.note_text_of_issue()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  INSERT INTO public.issue_search_changes (issue_id, source_id)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN OLD.issue_id ELSE NEW.issue_id END, CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END);
  RETURN NULL;
END $function$
;

CREATE OR REPLACE FUNCTION public.raise_event_tickets()
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
DECLARE
  lag record;
BEGIN
  PERFORM pg_advisory_xact_lock(7203313);
  SELECT * INTO lag FROM event_ticket_lag();
  IF lag.newest > lag.counter THEN
    PERFORM setval('event_tickets', lag.newest);
  END IF;
  RETURN greatest(lag.newest, lag.counter);
END $function$
;

CREATE OR REPLACE FUNCTION public.rebuild_issue_figures()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
END $function$
;

CREATE OR REPLACE FUNCTION public.rebuild_issue_search()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  TRUNCATE issue_search, issue_search_changes, issue_search_segments;
  INSERT INTO issue_search_changes (issue_id, source_id)
    SELECT id, id FROM issues
    UNION ALL SELECT issue_id, id FROM issue_comments
    UNION ALL SELECT issue_id, id FROM issue_documents;
END $function$
;

CREATE OR REPLACE FUNCTION public.refuse_audit_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
END $function$
;

CREATE OR REPLACE FUNCTION public.sequence_positions()
 RETURNS TABLE(name text, value bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
BEGIN
  RETURN QUERY SELECT c.relname::text, pg_sequence_last_value(c.oid::regclass) FROM pg_class c
    WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace;
END $function$
;

CREATE OR REPLACE FUNCTION public.settle_issue_search()
 RETURNS bigint
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ SELECT gin_clean_pending_list('issue_search_keys') $function$
;

CREATE OR REPLACE FUNCTION public.take_event_ticket()
 RETURNS xid8
 LANGUAGE plpgsql
AS $function$
DECLARE
  ticket text := current_setting('paperclip.event_ticket', true);
BEGIN
  IF ticket <> '' THEN
    RETURN ticket::xid8;
  END IF;
  IF pg_advisory_xact_lock_shared(7203312, (pg_sequence_last_value('event_tickets') & 2147483647)::int) IS NULL THEN NULL; END IF;
  ticket := set_config('paperclip.event_ticket', nextval('event_tickets')::text, true);
  IF current_setting('idle_in_transaction_session_timeout') <> '0' THEN
    IF set_config('idle_in_transaction_session_timeout', '1000', true) IS NULL THEN NULL; END IF;
  END IF;
  RETURN ticket::xid8;
END $function$
;
