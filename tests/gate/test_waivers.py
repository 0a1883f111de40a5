"""Waivers: what they cover, when they lapse, what is refused with file and line, and that they hide nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from gate.conftest import findings

LONG = (datetime.now(UTC) + timedelta(days=30, hours=1)).isoformat(timespec="seconds")
PAST = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")


def waiver(requirement: str = "C01.1", expires: str = LONG, **settings: str) -> str:
    entry = {
        "requirement": requirement,
        "owner": "ada@example.com",
        "approver": "grace@example.com",
        "reason": "the table moves next month",
        "ticket": "SEC-42",
        "expires": f'"{expires}"',
        **settings,
    }
    return "  - " + "\n    ".join(f"{name}: {value}" for name, value in entry.items() if value) + "\n"


def waivers(*entries: str) -> str:
    return "waivers:\n" + "".join(entries)


@pytest.fixture
def run(suite):
    def run(text: str, one: str = "look(coverage, 'a b')", two: str = "look(coverage, '')", *arguments: str):
        suite.write("waivers.yaml", text)
        return suite.run(one, two, "--waivers=waivers.yaml", *arguments)

    return run


def test_a_waiver_lets_pass_and_hides_nothing(run):
    code, results = run(waivers(waiver()))
    assert code == 0
    assert results["gate"]["passed"]
    assert results["gate"]["tolerated"] == ["2 high findings covered by a waiver"]
    assert results["verdict"] == "failed"
    assert results["controls"][0]["requirements"][0]["outcome"] == "failed"
    assert results["counts"]["findings"]["high"] == results["counts"]["waived"]["high"] == 2
    given = findings(results)["a"]["waiver"]
    assert (given["owner"], given["approver"], given["ticket"]) == ("ada@example.com", "grace@example.com", "SEC-42")
    assert (given["days_left"], given["expired"], given["covers"]) == (30, False, 2)
    assert results["waivers"] == [given]


def test_what_it_does_not_name_still_blocks(run):
    code, results = run(waivers(waiver(subject="a")))
    assert code == 1
    assert {name: found["tolerated"] for name, found in findings(results).items()} == {"a": "waived", "b": ""}
    assert results["gate"]["reasons"] == ["1 high finding"]


@pytest.mark.parametrize(
    ("pattern", "covered"), [("'a*'", "a"), ("'[ab]'", "ab"), ("b", "b"), ("'*'", "ab"), ("A", "")]
)
def test_subjects_are_shell_patterns(run, pattern, covered):
    _, results = run(waivers(waiver(subject=pattern)))
    assert "".join(name for name, found in findings(results).items() if found["tolerated"]) == covered


def test_a_fingerprint_names_one_finding(run, suite):
    _, before = suite.run("look(coverage, 'a b')")
    mark = findings(before)["b"]["fingerprint"]
    _, results = run(waivers(waiver(fingerprint=f'"{mark}"')))
    assert [name for name, found in findings(results).items() if found["tolerated"]] == ["b"]


def test_an_expired_waiver_is_exit_3(run):
    code, results = run(waivers(waiver(expires=PAST)))
    assert code == 3
    assert not results["gate"]["passed"]
    (reason,) = results["gate"]["reasons"]
    assert reason.startswith("the waiver waivers.yaml:2 of C01.1 (ada@example.com) expired on ")
    assert findings(results)["a"]["waiver"]["expired"]
    assert findings(results)["a"]["tolerated"] == ""
    assert results["counts"]["waived"]["high"] == 0


def test_an_expired_waiver_is_exit_3_although_nothing_is_wrong(run):
    code, results = run(waivers(waiver(expires=PAST)), "look(coverage, '')")
    assert (code, results["verdict"]) == (3, "passed")


def test_findings_of_others_weigh_more_than_an_expired_waiver(run):
    assert run(waivers(waiver(expires=PAST, subject="a")))[0] == 1


def test_an_expired_waiver_weighs_more_than_what_was_not_decided(run):
    assert run(waivers(waiver(expires=PAST)), "look(coverage, 'a')", "raise Inconclusive('x')")[0] == 3


def test_an_expired_waiver_of_a_control_left_out_is_not_this_runs(run):
    code, _ = run(waivers(waiver(expires=PAST)), "pass", "pass", "--controls=C02")
    assert code == 2


def test_of_two_the_one_that_lasts_longer_counts(run):
    code, results = run(waivers(waiver(), waiver(expires=PAST)))
    assert not findings(results)["a"]["waiver"]["expired"]
    assert code == 3


@pytest.mark.parametrize("outcome", ["inconclusive", "not_reviewed", "error"])
def test_what_was_not_decided_is_covered_only_if_it_says_so(run, outcome):
    check = {"inconclusive": "Inconclusive", "not_reviewed": "NotReviewed", "error": "OSError"}[outcome]
    assert run(waivers(waiver()), f"raise {check}('why')")[0] == 2
    code, results = run(waivers(waiver(outcomes=f"[failed, {outcome}]")), f"raise {check}('why')")
    assert code == 0
    assert results["controls"][0]["requirements"][0]["outcome"] == outcome
    assert results["controls"][0]["requirements"][0]["waiver"]["covers"] == 1
    assert results["gate"]["tolerated"] == ["C01.1 undecided, covered by a waiver"]


@pytest.mark.parametrize(
    ("one", "state"), [("look(coverage, '')", "passed"), ("raise Inconclusive('x')", "inconclusive")]
)
def test_a_waiver_that_covers_nothing_is_told(run, suite, one, state):
    _, results = run(waivers(waiver(subject="'zzz*'")), one)
    note = f"the waiver waivers.yaml:2 of C01.1 on zzz* covers nothing in this run: it came out {state}"
    assert note in results["notes"]
    assert note in suite.output


REFUSED = {
    "no requirement": (waiver(requirement=""), "waivers.yaml:2: waivers.0.requirement: Field required"),
    "unknown": (waiver("C01.99"), "waivers.yaml:2: there is no requirement 'C01.99'"),
    "a control": (waiver("C01"), "waivers.yaml:2: C01 is a control: a waiver names its requirements one by one"),
    "no owner": (waiver(owner=""), "waivers.yaml:2: waivers.0.owner: Field required"),
    "empty owner": (waiver(owner='"  "'), "waivers.yaml:3: waivers.0.owner: must not be empty"),
    "no approver": (waiver(approver=""), "approver: Field required"),
    "no reason": (waiver(reason=""), "reason: Field required"),
    "no ticket": (waiver(ticket=""), "ticket: Field required"),
    "no expiry": (waiver(expires="").replace('    expires: ""\n', ""), "expires: Field required"),
    "self-approved": (waiver(approver="' Ada@Example.com'"), "somebody else has to approve"),
    "no zone": (waiver(expires="2030-01-01T00:00:00"), "waivers.yaml:7: waivers.0.expires: needs a time and an offset"),
    "a date": (waiver(expires='2030-01-01"'.rstrip('"')), "needs a time and an offset"),
    "no time at all": (waiver(expires="soon"), "not an ISO 8601 time"),
    "for ever": (waiver(expires="9999-12-31T23:59:59-12:00"), "no year for a waiver"),
    "short fingerprint": (waiver(fingerprint="abc"), "fingerprint"),
    "covers a pass": (waiver(outcomes="[passed]"), "a waiver covers failed, error, inconclusive, not_reviewed"),
    "unknown setting": (waiver(aprover="x"), "waivers.0.aprover: there is no such setting"),
    "twice": (waiver().rstrip("\n") + "\n    owner: eve\n", "the key 'owner' is given twice"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_with_its_place(run, suite, name):
    entry, message = REFUSED[name]
    code, results = run(waivers(entry))
    assert (code, results) == (4, None)
    assert message in suite.output
    assert "Traceback" not in suite.output


def test_unquoted_times_of_yaml_are_times_as_well(run):
    text = waivers(waiver()).replace('"', "")
    assert run(text)[0] == 0


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)
)
HOSTILE = {
    "bomb": BOMB + "waivers: *m\n",
    "itself": "waivers: &w [*w]\n",
    "code": 'waivers: !!python/object/apply:os.system ["touch owned"]\n',
    "list as key": "? [a, b]\n: 1\nwaivers: []\n",
    "mapping as key": "? {a: b}\n: 1\nwaivers: []\n",
    "deep": "waivers: " + "[" * 20_000,
    "control characters": "waivers: [\x00\x1b[31m]\n",
    "not yaml": "waivers: [}\n",
    "two documents": "waivers: []\n---\nwaivers: []\n",
    "large": "#" * 1_100_000,
    "nothing": "",
    "a list": "- a\n",
    "merge of itself": "waivers: &a\n  <<: *a\n",
    "unknown alias": "waivers: *nowhere\n",
    "long number": f"waivers: {'9' * 5000}\n",
    "bad date": "waivers: [{expires: 2030-99-99}]\n",
    "half a surrogate": 'waivers: ["\\ud800"]\n',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_is_one_clear_line(run, suite, name):
    code, results = run(HOSTILE[name])
    assert (code, results) == (4, None)
    assert "waivers.yaml" in suite.output
    assert "Traceback" not in suite.output
    assert not (suite.path / "owned").exists()


def test_a_file_that_is_not_there_or_not_text(run, suite):
    assert suite.run("pass", "pass", "--waivers=nowhere.yaml")[0] == 4
    (suite.path / "binary").write_bytes(b"\xff\xfe\x00")
    assert suite.run("pass", "pass", "--waivers=binary")[0] == 4
    assert suite.run("pass", "pass", "--waivers=.")[0] == 4


def test_the_target_file_names_the_waivers_beside_it(suite):
    suite.write("settings/waivers.yaml", waivers(waiver()))
    suite.write("settings/target.yaml", "name: a stack\nrepo: {path: .}\ngate: {waivers: waivers.yaml}\n")
    assert suite.run("look(coverage, 'a')", "look(coverage, '')", "--target=settings/target.yaml")[0] == 0


def test_thousands_of_waivers_cost_little(run, suite):
    import time

    text = waivers(*(waiver(subject=f"'table {i}*'") for i in range(2000)))
    started = time.monotonic()
    code, _ = run(text, "look(coverage, ' '.join(f'x{i}' for i in range(1000)))")
    assert code == 1
    assert time.monotonic() - started < 30
