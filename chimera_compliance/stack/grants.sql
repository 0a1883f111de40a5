-- What the application may do, and nothing else: no id, time of record or tenant can be rewritten.
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {app};
GRANT USAGE ON SCHEMA public TO {app};
SET ROLE {owner};
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {app};
GRANT INSERT (tenant_id, goal_description, target_platforms, priority, budget_usdc, start_date, end_date),
      UPDATE (status, budget_usdc) ON campaigns TO {app};
GRANT INSERT (tenant_id, campaign_id, agent_id, task_type, input) ON tasks TO {app};
GRANT UPDATE (status, body) ON content_assets TO {app};
GRANT UPDATE (decision, reviewer_id, reviewer_notes, decided_at) ON reviews TO {app};
GRANT UPDATE (balance_usdc) ON wallets TO {app};
GRANT INSERT (tenant_id, agent_id, transaction_type, to_address, amount_usdc, purpose) ON transactions TO {app};
GRANT INSERT (user_id, tenant_id, action, resource_type, resource_id, details, ip_address, user_agent)
      ON audit_logs TO {app};
RESET ROLE;
