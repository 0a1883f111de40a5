"""What the doctor says of a catalog login that cannot do what it is for, before a run is spent on it."""

import pytest

from chimera_compliance.doctor import examine
from chimera_compliance.target import DbFacet, Target

OUTSIDER = "CREATE ROLE outsider LOGIN BYPASSRLS"


@pytest.mark.parametrize(
    ("more", "missing"),
    [
        (OUTSIDER, ["catalog login: outsider may not become app_user: GRANT app_user TO outsider"]),
        (f"{OUTSIDER}; GRANT app_user TO outsider", []),
    ],
)
def test_catalog_login_must_be_able_to_act_as_the_application(cluster, load, more, missing):
    load(more)
    catalog = cluster.application.replace("app_user", "outsider")
    target = Target(name="test", db=DbFacet(dsn=cluster.application, catalog_dsn=catalog))
    told = [item.text for item in examine(target) if item.facet == "db" and not item.fine]
    assert told == missing
