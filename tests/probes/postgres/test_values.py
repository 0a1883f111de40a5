"""Values for planted rows, what expressions mention, and who can become whom."""

import re

import pytest

from chimera_compliance.probes.postgres.catalog import Catalog, Role
from chimera_compliance.probes.postgres.expressions import Mentions, uncommented
from chimera_compliance.probes.postgres.reach import Reach
from chimera_compliance.probes.postgres.session import Identity, identifier, literal
from chimera_compliance.probes.postgres.values import matching, within


@pytest.mark.parametrize(
    "pattern", [r"^0x[0-9a-fA-F]{40}$", r"^[a-z.]+@[a-z]+\.example$", r"^(GB|DE)\d{2}$", r"^\w+\s?x$", r"^.{3,5}$"]
)
def test_text_is_made_that_a_pattern_takes(pattern):
    assert re.search(pattern, matching(pattern))


@pytest.mark.parametrize("pattern", [r"(?=never)a", r"[", r"^(?P<a>x)(?P=a)$"])
def test_pattern_that_is_too_hard_is_given_up(pattern):
    assert matching(pattern) is None


@pytest.mark.parametrize(
    ("check", "holds"),
    [
        ("CHECK ((n > 0))", lambda n: n > 0),
        ("CHECK (((n >= 1) AND (n <= 9)))", lambda n: 1 <= n <= 9),
        ("CHECK (((n > (0)::numeric) AND (n <= (10000)::numeric)))", lambda n: 0 < n <= 10000),
        ("CHECK (((n > 0.5) AND (n < 1)))", lambda n: 0.5 < n < 1),
        ("CHECK ((n < '-5'::integer))", lambda n: n < -5),
    ],
)
def test_number_is_within_its_check(check, holds):
    assert holds(float(within(check, "n")))


def test_settings_constants_and_claims_are_found():
    mentions = Mentions(
        "((tenant_id)::text = current_setting('app.tenant'::text, true)) OR (s = ANY (ARRAY['a'::text, 'it''s'])) OR "
        "(((current_setting('jwt'::text))::json -> 'app'::text) ->> 'role'::text) = 'root' OR n > 42"
    )
    assert mentions.settings == ["app.tenant", "jwt"]
    assert {"a", "it's", "root"} <= set(mentions.strings)
    assert mentions.numbers == ["42"]
    assert ["app", "role"] in mentions.json_keys


def test_comments_are_not_read():
    assert Mentions(uncommented("SELECT 1 -- FROM a\n FROM b /* JOIN c */")).tables == [("", "b")]


def test_names_and_values_are_quoted():
    assert identifier('we"ird', "T") == '"we""ird"."T"'
    assert literal("it's \\ here").endswith("'")
    assert Identity("a", settings={"x.y": "'; DROP"}).preamble()[-1] == "SELECT set_config('x.y', '''; DROP', true)"


def _reach(*memberships):
    """Roles 1 (login), 2 and 3; memberships as (member, role, admin, inherit, set)."""
    roles = {n: Role(n, f"r{n}", False, True, False, False, n == 1, False, False) for n in (1, 2, 3)}
    catalog = Catalog.__new__(Catalog)
    catalog.roles, catalog.memberships = roles, list(memberships)
    return Reach.of(catalog, "r1")


def test_membership_before_16_can_always_be_taken_on():
    reach = _reach((1, 2, False, None, None), (2, 3, False, None, None))
    assert [role.name for role in reach.others] == ["r2", "r3"]
    assert reach.at_once == {0, 1, 2, 3}


def test_membership_without_set_and_inherit_gives_nothing():
    assert _reach((1, 2, False, False, False)).others == []


def test_membership_with_admin_option_gives_all():
    assert [role.name for role in _reach((1, 2, True, False, False)).others] == ["r2"]


def test_membership_that_is_not_inherited_is_reach_and_not_held():
    reach = _reach((1, 2, False, False, True))
    assert [role.name for role in reach.others] == ["r2"]
    assert reach.at_once == {0, 1}
