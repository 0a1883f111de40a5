"""C04: ways in which one tenant reaches another's rows."""

from chimera_compliance.stack.flaws import flaw


@flaw("C04", why="a table with tenants' rows was left without row-level security")
def table_without_rls(variant):
    variant.sql.append("ALTER TABLE agents DISABLE ROW LEVEL SECURITY")
