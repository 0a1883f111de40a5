"""What is asked of the system catalogs: a fixed number of set-based queries, however many tables there are.

Objects of extensions and of the system's schemas are left out, except where a query says otherwise.
https://www.postgresql.org/docs/current/catalogs.html
"""

_OURS = """
  n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_toast%'
  AND n.nspname NOT LIKE 'pg\\_temp%'"""
_NOT_OF_EXTENSION = """
  NOT EXISTS (
    SELECT FROM pg_depend e WHERE e.classid = '{catalog}'::regclass AND e.objid = {oid} AND e.deptype = 'e')"""

# Expressions are not asked of tables that a migration holds, since the server would wait for it to tell them.
_HELD = """(SELECT l.relation FROM pg_locks l WHERE l.granted AND l.mode = 'AccessExclusiveLock'
  AND l.relation IS NOT NULL AND l.pid <> pg_backend_pid())"""


def _unless_held(expression: str, relation: str) -> str:
    return f"CASE WHEN {relation} NOT IN {_HELD} THEN {expression} END"


SERVER = """
SELECT current_setting('server_version_num')::int, session_user::text, current_user::text, current_database()::text,
  pg_is_in_recovery(), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
  (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
  current_setting('lo_compat_privileges')"""

ROLES = """
SELECT oid, rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls
FROM pg_roles"""

# inherit_option and set_option exist from PostgreSQL 16 on; read by to_jsonb so that one query fits all versions.
MEMBERSHIPS = """
SELECT m.member, m.roleid, m.admin_option, (to_jsonb(m) ->> 'inherit_option')::boolean,
  (to_jsonb(m) ->> 'set_option')::boolean
FROM pg_auth_members m"""

SCHEMAS = f"""
SELECT n.oid, n.nspname::text, n.nspowner FROM pg_namespace n WHERE {_OURS}"""

RELATIONS = f"""
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
  greatest(c.reltuples, pg_stat_get_live_tuples(c.oid))::float8,
  c.relispartition, coalesce(array_to_string(c.reloptions, ','), ''),
  {_unless_held("pg_get_expr(c.relpartbound, c.oid)", "c.oid")}, c.relispopulated
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_OURS}
  AND {_NOT_OF_EXTENSION.format(catalog="pg_class", oid="c.oid")}
ORDER BY 2, 3"""

COLUMNS = f"""
SELECT a.attrelid, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod),
  CASE WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END::text,
  CASE WHEN t.typtype = 'd' THEN b.typtype ELSE t.typtype END::text,
  CASE WHEN t.typtype = 'd' THEN b.typcategory ELSE t.typcategory END::text,
  CASE WHEN t.typtype = 'd' THEN b.oid ELSE t.oid END,
  CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
  a.attnotnull OR t.typnotnull,
  {_unless_held("pg_get_expr(d.adbin, d.adrelid)", "d.adrelid")}, a.attidentity::text, a.attgenerated::text,
  CASE WHEN t.typtype = 'd' THEN t.oid END
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OURS}
ORDER BY a.attrelid, a.attnum"""

GRANTS = f"""
SELECT 'relation', c.oid, g.grantee, string_agg(g.privilege_type, ' ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) g
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_OURS} GROUP BY 2, 3
UNION ALL
SELECT 'schema', n.oid, g.grantee, string_agg(g.privilege_type, ' ')
FROM pg_namespace n, aclexplode(n.nspacl) g WHERE {_OURS} GROUP BY 2, 3
UNION ALL
SELECT 'function', p.oid, g.grantee, string_agg(g.privilege_type, ' ')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
  aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g WHERE {_OURS} GROUP BY 2, 3
UNION ALL
SELECT 'database', d.oid, g.grantee, string_agg(g.privilege_type, ' ')
FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) g
WHERE d.datname = current_database() GROUP BY 2, 3
UNION ALL
SELECT 'server', s.oid, g.grantee, string_agg(g.privilege_type, ' ')
FROM pg_foreign_server s, aclexplode(coalesce(s.srvacl, acldefault('S', s.srvowner))) g GROUP BY 2, 3"""

COLUMN_GRANTS = f"""
SELECT a.attrelid, a.attname::text, g.grantee, g.privilege_type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
  aclexplode(a.attacl) g WHERE a.attacl IS NOT NULL AND {_OURS}"""

POLICIES = f"""
SELECT p.oid, p.polrelid, p.polname::text, p.polcmd::text, p.polpermissive, p.polroles::oid[],
  {_unless_held("pg_get_expr(p.polqual, p.polrelid)", "p.polrelid")},
  {_unless_held("pg_get_expr(p.polwithcheck, p.polrelid)", "p.polrelid")}
FROM pg_policy p ORDER BY p.polrelid, p.polname"""

POLICY_NEEDS = """
SELECT d.objid, d.refclassid::regclass::text, d.refobjid, d.refobjsubid
FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.refclassid IN ('pg_proc'::regclass, 'pg_class'::regclass)
  AND d.deptype = 'n' AND d.refobjid >= 16384"""

KEYS = f"""
SELECT i.indexrelid, i.indrelid, x.relname::text, i.indisprimary, i.indisunique, i.indisexclusion,
  i.indpred IS NOT NULL, string_to_array(i.indkey::text, ' ')::int[],
  coalesce({_unless_held("pg_get_expr(i.indexprs, i.indrelid)", "i.indrelid")}, ''), i.indnkeyatts::int
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (i.indisunique OR i.indisexclusion) AND i.indisvalid AND {_OURS}"""

CONSTRAINTS = f"""
SELECT k.conrelid, k.conname::text, k.contype::text, k.confrelid, k.conkey::int[], k.confkey::int[],
  CASE WHEN k.contype = 'c' THEN
    coalesce({_unless_held("pg_get_constraintdef(k.oid)", "k.conrelid")}, '') END, k.contypid
FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid
LEFT JOIN pg_namespace n ON n.oid = k.connamespace WHERE k.contype IN ('c', 'f') AND {_OURS}"""

PARTITION_KEYS = """
SELECT p.partrelid, a.attname::text FROM pg_partitioned_table p
JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs)"""

INHERITANCE = "SELECT inhrelid, inhparent FROM pg_inherits"

VIEW_NEEDS = """
SELECT DISTINCT r.ev_class, d.refobjid FROM pg_rewrite r
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
WHERE d.refobjid <> r.ev_class AND d.refobjid >= 16384"""

FUNCTIONS = f"""
SELECT p.oid, n.nspname::text, p.proname::text, p.proowner, l.lanname::text, p.prosecdef, p.proleakproof,
  p.prokind::text, p.proretset, format_type(p.prorettype, NULL), p.pronargs::int, p.pronargdefaults::int,
  coalesce(p.proargnames::text[], ARRAY[]::text[]), ARRAY(SELECT format_type(a, NULL) FROM unnest(p.proargtypes) a),
  ARRAY(SELECT t.typcategory::text FROM unnest(p.proargtypes) a JOIN pg_type t ON t.oid = a),
  coalesce(p.proconfig::text[], ARRAY[]::text[]), coalesce(nullif(p.prosrc, ''), pg_get_function_sqlbody(p.oid), ''),
  (to_jsonb(p) ->> 'prosqlbody') IS NOT NULL,
  coalesce(p.proargmodes::text[], ARRAY[]::text[]), p.provolatile::text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE {_OURS} AND {_NOT_OF_EXTENSION.format(catalog="pg_proc", oid="p.oid")}"""

TRIGGERS = """
SELECT t.tgrelid, t.tgname::text, t.tgfoid FROM pg_trigger t WHERE NOT t.tgisinternal"""

SEQUENCE_OWNERS = """
SELECT d.objid, d.refobjid, a.attname::text FROM pg_depend d
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  AND d.objid IN (SELECT oid FROM pg_class WHERE relkind = 'S')
UNION
SELECT s.refobjid, f.adrelid, a.attname::text FROM pg_attrdef f
JOIN pg_depend s ON s.classid = 'pg_attrdef'::regclass AND s.objid = f.oid AND s.refclassid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = s.refobjid AND c.relkind = 'S'
JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum"""

ROLE_SETTINGS = """
SELECT coalesce(r.rolname::text, ''), s.setdatabase <> 0, unnest(s.setconfig)
FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"""

DEFAULT_GRANTS = """
SELECT d.defaclrole, coalesce(n.nspname::text, ''), g.grantee, string_agg(g.privilege_type, ' ')
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) g
WHERE d.defaclobjtype = 'r' AND g.grantee <> d.defaclrole GROUP BY 1, 2, 3"""

FOREIGN_TABLES = """
SELECT f.ftrelid, f.ftserver, s.srvname::text, coalesce(array_to_string(f.ftoptions, ','), ''), s.srvowner
FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver"""

USER_MAPPINGS = "SELECT srvid, srvname::text, umuser, usename::text FROM pg_user_mappings"

DATABASE_OWNER = "SELECT oid, datdba, datistemplate FROM pg_database WHERE datname = current_database()"

ENUM_LABELS = "SELECT enumtypid, min(enumlabel::text) FROM pg_enum WHERE enumsortorder = 1 GROUP BY 1"
