-- Two tenants with the same kinds of rows. Ids are the same in every run: a letter for the tenant, a digit for the kind.
CREATE FUNCTION pg_temp.seeded(tenant text, kind int, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT format('%s%s000000-0000-4000-8000-%s', tenant, kind, lpad(n::text, 12, '0'))::uuid $$;

CREATE TEMPORARY TABLE pair AS SELECT letter, pg_temp.seeded(letter, 0, 1) AS tenant FROM unnest('{a,b}'::text[]) letter;

INSERT INTO tenants (id, name, daily_budget_usdc)
    SELECT tenant, 'Tenant ' || upper(letter), 100000 FROM pair;
INSERT INTO users (id, tenant_id, email, roles)
    SELECT pg_temp.seeded(letter, 1, 1), tenant, letter || '@chimera.example', '{operator,reviewer,admin}' FROM pair;
INSERT INTO users (id, tenant_id, email, roles, active)
    SELECT pg_temp.seeded(letter, 1, 2), tenant, letter || '-left@chimera.example', '{operator}', false FROM pair;
INSERT INTO agents (id, tenant_id, name, persona, performance)
    SELECT pg_temp.seeded(letter, 2, n), tenant, format('Agent %s%s', upper(letter), n),
           jsonb_build_object('voice', 'curious', 'niche', 'travel'), jsonb_build_object('posts', 12 * n)
    FROM pair, generate_series(1, 3) n;
INSERT INTO campaigns (id, tenant_id, goal_description, target_platforms, priority, budget_usdc, start_date, end_date)
    SELECT pg_temp.seeded(letter, 3, n), tenant, format('Grow the audience of tenant %s, part %s', upper(letter), n),
           '{twitter,instagram}', 'medium', 500 * n, '2030-01-01', '2030-06-30'
    FROM pair, generate_series(1, 2) n;
INSERT INTO tasks (id, tenant_id, campaign_id, agent_id, task_type, status)
    SELECT pg_temp.seeded(letter, 4, n), tenant, pg_temp.seeded(letter, 3, 1 + n % 2), pg_temp.seeded(letter, 2, 1 + n % 3),
           'compose_post', (ARRAY['pending', 'running', 'review', 'completed'])[1 + n % 4]
    FROM pair, generate_series(1, 8) n;
INSERT INTO content_assets (id, tenant_id, agent_id, task_id, asset_type, platform, body)
    SELECT pg_temp.seeded(letter, 5, n), tenant, pg_temp.seeded(letter, 2, 1 + n % 3), pg_temp.seeded(letter, 4, 1 + n % 8),
           (ARRAY['video', 'image', 'text'])[1 + n % 3], (ARRAY['twitter', 'instagram', 'threads'])[1 + n % 3],
           format('Draft %s of tenant %s', n, upper(letter))
    FROM pair, generate_series(1, 60) n;
INSERT INTO video_metadata (asset_id, duration_seconds, resolution, ai_disclosure)
    SELECT id, 30, '1080x1920', 'Made with AI' FROM content_assets WHERE asset_type = 'video';
INSERT INTO reviews (id, tenant_id, asset_id, confidence)
    SELECT pg_temp.seeded(letter, 6, n), tenant, pg_temp.seeded(letter, 5, n), 0.5 + n * 0.005
    FROM pair, generate_series(1, 60) n;
INSERT INTO wallets (id, tenant_id, agent_id, address, balance_usdc)
    SELECT pg_temp.seeded(letter, 7, n), tenant, pg_temp.seeded(letter, 2, n), '0x' || repeat(letter || n, 20), 50000
    FROM pair, generate_series(1, 3) n;
INSERT INTO transactions (id, tenant_id, agent_id, transaction_type, to_address, amount_usdc, purpose, status, created_at)
    SELECT pg_temp.seeded(letter, 8, n), tenant, pg_temp.seeded(letter, 2, n), 'native_transfer', '0x' || repeat('0d', 20),
           10 * n, 'Image generation', 'confirmed', now() - interval '3 days'
    FROM pair, generate_series(1, 2) n;
INSERT INTO audit_logs (timestamp, user_id, tenant_id, action, resource_type, resource_id, details, ip_address, user_agent)
    SELECT now() - interval '3 days', pg_temp.seeded(letter, 1, 1), tenant, 'transfer_usdc', 'transaction',
           pg_temp.seeded(letter, 8, n), jsonb_build_object('amount_usdc', 10 * n), '127.0.0.1', 'seed'
    FROM pair, generate_series(1, 2) n;
DROP TABLE pair;
