"""Rotation rules as days, against the calendar."""

import pytest

from chimera_compliance.probes.secrets.schedule import longest_days, of_expression


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("rate(30 days)", 30),
        ("rate(1 day)", 1),
        ("rate(12 hours)", 0.5),
        ("cron(0 16 1,15 * ? *)", 17),
        ("cron(0 8 1 * ? *)", 31),
        ("cron(0 8 1 */3 ? *)", 92),
        ("cron(0 8 1 1/2 ? *)", 62),
        ("cron(0 8 1 1/3 ? *)", 92),
        ("cron(0 0 ? * SUN *)", 7),
        ("cron(0 0 ? * 1 *)", 7),
        ("cron(0 0 ? * MON-FRI *)", 3),
        ("cron(0 0 ? * FRI-MON *)", 4),
        ("cron(0 0 ? * SUN#1 *)", 35),
        ("cron(0 0 ? * FRIL *)", 35),
        ("cron(0 0 L * ? *)", 31),
        ("cron(0 0 LW * ? *)", 33),
        ("cron(0 0 15W * ? *)", 32),
        ("cron(0 0 31 * ? *)", 61),
        ("cron(0 0 29 FEB ? *)", None),
        ("cron(0 0 1 JAN,JUL ? *)", 184),
        ("cron(0 4 * * ? *)", 1),
        ("cron(0 /4 * * ? *)", 1),
        ("cron(0 4 1 12-2 ? *)", 304),
    ],
)
def test_expressions_come_to_days(expression, days):
    if days is None:
        with pytest.raises(ValueError, match="again and again"):
            of_expression(expression)
    else:
        assert of_expression(expression) == days


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(ten days)",
        "rate(3 months)",
        "every 30 days",
        "cron(0 0 1 * ?)",
        "cron(0 0 1 13 ? *)",
        "cron(0 0 30 2 ? *)",
        "cron(0 0 1 1 ? 2020)",
        "cron(0 0 1 */0 ? *)",
        "cron(0 0 ? * FUN *)",
    ],
)
def test_what_cannot_be_read_is_no_number(expression):
    with pytest.raises(ValueError, match="schedule"):
        of_expression(expression)


def test_the_expression_decides_and_no_rule_is_none():
    assert longest_days({"AutomaticallyAfterDays": 90}) == 90
    assert longest_days({"AutomaticallyAfterDays": 10, "ScheduleExpression": "rate(10 days)"}) == 10
    assert longest_days({}) is None
    assert longest_days({"AutomaticallyAfterDays": 0}) is None
