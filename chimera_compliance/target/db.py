"""The PostgreSQL database."""

from pydantic import Field

from chimera_compliance.references import Text
from chimera_compliance.target.base import Dsn, Settings


class DbFacet(Settings):
    """The PostgreSQL database."""

    dsn: Dsn = Field(description="The application's own login, as deployed.")
    catalog_dsn: Dsn | None = Field(None, description="A login that sees every row and may plant canary rows.")
    schemas: list[Text] = Field([], description="Schemas to judge; all but the system's if empty.")
    tenant_setting: Text | None = "app.current_tenant_id"
    tenant_columns: list[Text] = ["tenant_id"]
    tenant_tables: list[Text] = Field([], description="Further multi-tenant tables, as schema.table.")
    global_tables: list[Text] = Field([], description="Tables that hold no tenant's data.")
    audit_table: Text | None = "public.audit_logs"
    application_command: list[Text] = Field(
        [], description="Runs the application's own data access; {host}, {port}, {user}, {database} are filled in."
    )
    statement_timeout_seconds: float = Field(10, gt=0)
    lock_timeout_seconds: float = Field(1, gt=0)
