"""Rotation rules as days: at most how long lies between two rotations.

Secrets Manager takes a number of days, ``rate(…)`` or ``cron(…)`` in UTC
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html).
"""

import itertools
import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

_RATE = re.compile(r"rate\(\s*(\d+)\s+(minute|hour|day)s?\s*\)")
_CRON = re.compile(r"cron\((.*)\)")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
_DAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
_UNIT_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1}
_FIRST, _LAST = date(2027, 1, 1), date(2031, 12, 31)


def longest_days(rules: dict) -> float | None:
    """The longest time between two rotations, in days; None if the rules say nothing.

    Raises:
        ValueError: the schedule cannot be read, or never comes.
    """
    if expression := str(rules.get("ScheduleExpression") or "").strip():
        return of_expression(expression)
    return rules.get("AutomaticallyAfterDays") or None


def of_expression(expression: str) -> float:
    """The longest gap of a schedule, in days.

    Raises:
        ValueError: it cannot be read, or never comes.
    """
    if rate := _RATE.fullmatch(expression):
        return int(rate[1]) * _UNIT_DAYS[rate[2]]
    fields = cron[1].split() if (cron := _CRON.fullmatch(expression)) else []
    if len(fields) != 6:
        raise ValueError(f"the schedule {expression!r} cannot be read")
    _, _, of_month, month, of_week, year = (field.upper() for field in fields)
    months, years = _numbers(month, 1, 12, _MONTHS), _numbers(year, 1970, 2199, {})
    in_month, in_week = _month_rule(of_month), _week_rule(of_week)
    days = (_FIRST + timedelta(offset) for offset in range((_LAST - _FIRST).days + 1))
    fires = [day for day in days if day.month in months and in_month(day) and in_week(day)]
    if len(fires) < 2 or years != set(range(1970, 2200)):
        raise ValueError(f"the schedule {expression!r} does not come again and again")
    return max((later - earlier).days for earlier, later in itertools.pairwise(fires))


def _month_rule(field: str) -> Callable[[date], bool]:
    if field == "L":
        return lambda day: day.day == _last(day)
    if field == "LW":
        return lambda day: day.day == _nearest_weekday(day, _last(day))
    if nearest := re.fullmatch(r"(\d+)W", field):
        return lambda day: day.day == _nearest_weekday(day, min(int(nearest[1]), _last(day)))
    numbers = _numbers(field, 1, 31, {})
    return lambda day: day.day in numbers


def _last(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, wanted: int) -> int:
    near = [wanted, wanted - 1, wanted + 1, wanted - 2, wanted + 2]
    return next(one for one in near if 1 <= one <= _last(day) and day.replace(day=one).weekday() < 5)


def _week_rule(field: str) -> Callable[[date], bool]:
    if nth := re.fullmatch(r"(\w+)#(\d)", field):
        return lambda day: _weekday(day) == _number(nth[1], _DAYS) and (day.day - 1) // 7 + 1 == int(nth[2])
    if last := re.fullmatch(r"(\w+)L", field):
        return lambda day: _weekday(day) == _number(last[1], _DAYS) and day.day + 7 > _last(day)
    numbers = _numbers("7" if field == "L" else field, 1, 7, _DAYS)
    return lambda day: _weekday(day) in numbers


def _weekday(day: date) -> int:
    """As cron counts them: 1 is Sunday."""
    return day.isoweekday() % 7 + 1


def _numbers(field: str, low: int, high: int, names: dict[str, int]) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if first in ("*", "?"):
            begin, end = low, high
        else:
            begin = _number(first, names)
            end = _number(last, names) if dash else (high if step else begin)
        if not (low <= begin <= high and low <= end <= high) or (step and not step.isdigit()) or step == "0":
            raise ValueError(f"the field {field!r} of a schedule cannot be read")
        wrapped = end if end >= begin else end + high - low + 1
        found |= {(one - low) % (high - low + 1) + low for one in range(begin, wrapped + 1, int(step or 1))}
    return found


def _number(text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if not text.isdigit():
        raise ValueError(f"{text!r} in a schedule cannot be read")
    return int(text)
