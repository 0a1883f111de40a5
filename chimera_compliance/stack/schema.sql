-- Chimera's data. Every multi-tenant table carries tenant_id, or is reached only through a parent that does.
-- Ids are made by the database and cannot be chosen by the application, so that no key collision tells
-- one tenant of another's rows; references are composite, so that no reference crosses tenants.

ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO {owner};
SET ROLE {owner};

CREATE TABLE tenants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    daily_budget_usdc numeric(18, 6) NOT NULL CHECK (daily_budget_usdc >= 0),
    active boolean NOT NULL DEFAULT true
);

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    email text NOT NULL,
    roles text[] NOT NULL CHECK (roles <@ ARRAY['operator', 'reviewer', 'admin']),
    active boolean NOT NULL DEFAULT true,
    UNIQUE (tenant_id, id)
);

CREATE TABLE agents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name text NOT NULL,
    persona jsonb NOT NULL DEFAULT '{}',
    performance jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id)
);

CREATE TABLE campaigns (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    goal_description text NOT NULL CHECK (char_length(goal_description) BETWEEN 10 AND 500),
    target_platforms text[] NOT NULL,
    priority text NOT NULL CHECK (priority IN ('high', 'medium', 'low')),
    budget_usdc numeric(12, 6) NOT NULL CHECK (budget_usdc > 0 AND budget_usdc <= 10000),
    start_date date NOT NULL,
    end_date date NOT NULL CHECK (end_date >= start_date),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'completed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id)
);

CREATE TABLE tasks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    campaign_id uuid,
    agent_id uuid NOT NULL,
    task_type text NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'review', 'completed', 'failed')),
    input jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);

CREATE TABLE content_assets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    agent_id uuid NOT NULL,
    task_id uuid,
    asset_type text NOT NULL CHECK (asset_type IN ('video', 'image', 'text')),
    platform text NOT NULL CHECK (platform IN ('twitter', 'instagram', 'threads')),
    body text NOT NULL,
    status text NOT NULL DEFAULT 'pending_review'
        CHECK (status IN ('pending_review', 'approved', 'rejected', 'edited')),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id),
    FOREIGN KEY (tenant_id, task_id) REFERENCES tasks (tenant_id, id)
);

CREATE TABLE video_metadata (
    asset_id uuid PRIMARY KEY REFERENCES content_assets (id) ON DELETE CASCADE,
    duration_seconds integer NOT NULL CHECK (duration_seconds > 0),
    resolution text NOT NULL,
    ai_disclosure text NOT NULL
);

CREATE TABLE reviews (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    asset_id uuid NOT NULL,
    confidence numeric(4, 3) NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    decision text CHECK (decision IN ('approve', 'reject', 'edit')),
    reviewer_id uuid,
    reviewer_notes text,
    decided_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES content_assets (tenant_id, id),
    FOREIGN KEY (tenant_id, reviewer_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE wallets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    agent_id uuid NOT NULL,
    address text NOT NULL CHECK (address ~ '^0x[0-9a-fA-F]{40}$'),
    balance_usdc numeric(18, 6) NOT NULL CHECK (balance_usdc >= 0),
    UNIQUE (tenant_id, agent_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);

CREATE TABLE transactions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    agent_id uuid NOT NULL,
    transaction_type text NOT NULL CHECK (transaction_type IN ('native_transfer', 'deploy_token')),
    to_address text CHECK (to_address ~ '^0x[0-9a-fA-F]{40}$'),
    amount_usdc numeric(18, 6) NOT NULL CHECK (amount_usdc > 0),
    purpose text NOT NULL,
    status text NOT NULL DEFAULT 'submitted' CHECK (status IN ('submitted', 'confirmed', 'failed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
);

CREATE TABLE audit_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    timestamp timestamptz NOT NULL DEFAULT now(),
    user_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    action varchar(100) NOT NULL,
    resource_type varchar(50) NOT NULL,
    resource_id uuid,
    details jsonb,
    ip_address inet,
    user_agent text
);
CREATE INDEX idx_audit_logs_tenant_timestamp ON audit_logs (tenant_id, timestamp DESC);
CREATE INDEX idx_audit_logs_user_action ON audit_logs (user_id, action);

-- Row-level security. An unset setting is NULL on a fresh connection and '' on a pooled one: both mean no rows.
DO $$
DECLARE
    name text;
    mine constant text := 'nullif(current_setting(''app.current_tenant_id'', true), '''')::uuid';
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'agents', 'campaigns', 'tasks', 'content_assets', 'reviews', 'wallets',
                                'transactions'] LOOP
        EXECUTE format('CREATE POLICY tenant_isolation ON %I USING (tenant_id = %s) WITH CHECK (tenant_id = %s)',
                       name, mine, mine);
    END LOOP;
    EXECUTE format('CREATE POLICY tenant_isolation ON tenants USING (id = %s) WITH CHECK (id = %s)', mine, mine);
    EXECUTE format('CREATE POLICY tenant_reads ON audit_logs FOR SELECT USING (tenant_id = %s)', mine);
    EXECUTE format('CREATE POLICY tenant_appends ON audit_logs FOR INSERT WITH CHECK (tenant_id = %s)', mine);
    EXECUTE format('CREATE POLICY through_parent ON video_metadata USING (EXISTS (SELECT FROM content_assets parent
                    WHERE parent.id = asset_id AND parent.tenant_id = %s))', mine);
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    END LOOP;
END $$;

RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM {owner};
