"""What a limiter says about its reset is understood in every form, and never believed beyond our patience."""

from email.utils import formatdate

import pytest

from chimera_compliance.probes.http.exchange import Exchange, Request
from chimera_compliance.probes.http.limiter import LONGEST_WAIT, reset_in, wait_for

NOW = 1_800_000_000.0


def limited(*headers):
    return Exchange(Request("GET", "/"), 429, headers=headers)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([("Retry-After", "7")], 7),
        ([("retry-after", formatdate(NOW + 9, usegmt=True))], 9),
        ([("Retry-After", formatdate(NOW - 9, usegmt=True))], 0),
        ([("RateLimit-Reset", "12")], 12),
        ([("X-RateLimit-Reset", "3.5")], 3.5),
        ([("X-RateLimit-Reset", str(int(NOW) + 20))], 20),
        ([("X-RateLimit-Reset", str(int(NOW) * 1000 + 2500))], 2.5),
        ([("X-RateLimit-Reset", "2027-01-15T08:00:10Z")], 10),
        ([("X-RateLimit-Reset", "-5")], 0),
        ([("Retry-After", "soon"), ("X-RateLimit-Reset", "4")], 4),
        ([("Retry-After", "nan")], None),
        ([("Retry-After", "inf")], None),
        ([("Retry-After", "1e99")], None),
        ([("Retry-After", "")], None),
        ([], None),
    ],
    ids=str,
)
def test_a_reset_is_read(headers, seconds):
    assert reset_in(limited(*headers), NOW) == seconds


def test_waiting_is_bounded_and_grows_where_nothing_is_said():
    assert wait_for([limited(("Retry-After", "86400"))], 0) == LONGEST_WAIT
    assert wait_for([limited(("Retry-After", "2")), limited(("Retry-After", "5")), limited()], 0) == pytest.approx(5.1)
    assert [wait_for([limited()], attempt) for attempt in range(3)] == [1, 2, 4]
