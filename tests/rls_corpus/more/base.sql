-- The schema that every case of cases.yaml begins with: isolated by the requirement's own policy.
SET ROLE app_owner;
CREATE TABLE public.tenants (id uuid PRIMARY KEY, name text NOT NULL);
ALTER TABLE public.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenants_isolation ON public.tenants FOR SELECT TO app_user
  USING (id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT ON public.tenants TO app_user;
CREATE TABLE public.invoices (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  tenant_id uuid NOT NULL REFERENCES public.tenants (id),
  number text NOT NULL,
  amount numeric NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'draft',
  published boolean NOT NULL DEFAULT false,
  note text,
  UNIQUE (tenant_id, number)
);
CREATE INDEX ON public.invoices (tenant_id);
ALTER TABLE public.invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.invoices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON public.invoices TO app_user
  USING (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid)
  WITH CHECK (tenant_id = nullif(current_setting('app.current_tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON public.invoices TO app_user;
RESET ROLE;
INSERT INTO public.tenants VALUES
  ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', 'Tenant A'), ('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', 'Tenant B');
INSERT INTO public.invoices (id, tenant_id, number, note) VALUES
  ('1a000000-0000-4000-8000-000000000001', 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', 'INV-A-1', 'A-SECRET-1'),
  ('1b000000-0000-4000-8000-000000000001', 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', 'INV-B-1', 'B-SECRET-1');
