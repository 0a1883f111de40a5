"""C05  Input that the document or ADR-005 does not allow is refused, and breaks nothing."""

import pytest

from chimera_compliance import Inconclusive, Problem, control, reject
from chimera_compliance.outcomes import NotReviewed
from chimera_compliance.probes.validation import bodies, candidates, trials
from chimera_compliance.probes.validation.disclosure import leaks
from chimera_compliance.probes.validation.paging import is_page_length, is_unbounded
from chimera_compliance.probes.validation.shape import misshapen

pytestmark = control("C05")

REFUSED = "400, 413, 415 or 422, before anything is done"
BY_VALUE = (candidates.BOUNDS, candidates.LENGTH, candidates.FORM, candidates.ITEMS, candidates.NUMBER)


@pytest.fixture
def judged(coverage):
    """What was decided of some wrong values: those that were accepted; the rest is counted or named."""

    def judged(seen, unit="fields"):
        coverage.unit = unit
        for item in seen:
            unclear = item.outcome == trials.UNDECIDED and item.wrong.must == candidates.REFUSE
            coverage.untested(item, f"was answered {item.actual}") if unclear else coverage.tested(item)
        return [item for item in seen if item.outcome == trials.ACCEPTED]

    return judged


@pytest.fixture
def of_bodies(validation, coverage):
    """Wrong values of members of bodies; what was not tried is named."""

    def of_bodies(rule):
        tried = [item for item in validation.seen if item.place.location == "body"]
        withheld = {item.id: validation.withheld.get(item.id) for item in validation.operations if item.payload}
        missing = {name: reason for name, reason in withheld.items() if reason}
        if missing and not tried:
            raise NotReviewed("; ".join(f"{name} {reason}" for name, reason in missing.items()))
        for name, reason in missing.items():
            coverage.untested(name, reason)
        found = [
            item for item in tried if item.wrong.rule == rule and (item.wrong.documented or not item.wrong.demanded)
        ]
        if not found:
            coverage.tested("no member of a body has such a rule")
        return found

    return of_bodies


def _once(seen):
    """One finding for each field: the first value that shows it."""
    first = {}
    for item in seen:
        first.setdefault(item.subject, item)
    for subject, item in first.items():
        said = "may be left out" if item.wrong.rule == candidates.REQUIRED else f"accepts {item.wrong.label}"
        yield Problem(subject, said, REFUSED, item.actual, item.observation)


def test_valid_input_is_accepted(validation, coverage):
    """A stack that refuses everything would pass all the rest; and what the document allows must not break it."""
    coverage.unit = "operations"
    for item in validation.positives:
        answers = [exchange for _, exchange in item.tried]
        broken = next((exchange for exchange in answers if (exchange.status or 0) >= 500), None)
        if item.accepted or item.conflict or broken:
            coverage.tested(item)
        elif not item.operation.public:
            coverage.untested(
                item, f"answers {answers[-1].actual} to a right request: is api.bodies or resources missing?"
            )
    if not validation.positives:
        raise NotReviewed("no operation that may be tried takes input")
    broken = [exchange for item in validation.positives for _, exchange in item.tried if (exchange.status or 0) >= 500]
    reject({exchange.subject: exchange for exchange in broken}.values(), "breaks on what its document allows")


def test_required_members_are_required(of_bodies, judged):
    """What the document calls required and the server makes up is a document that lies."""
    reject(_once(judged(of_bodies(candidates.REQUIRED))))


def test_types_are_kept(of_bodies, judged):
    """A text for a number, or an object for a text, goes on to where nobody expects it."""
    reject(_once(judged(of_bodies(candidates.TYPE))))


def test_numbers_stay_within_bounds(of_bodies, judged):
    """A negative amount is a withdrawal from somebody else."""
    reject(_once(judged(of_bodies(candidates.BOUNDS))))


def test_numbers_are_finite(of_bodies, judged):
    """NaN is neither too small nor too large for any comparison, and infinity is more than any budget."""
    reject(_once(judged(of_bodies(candidates.NUMBER))))


def test_texts_keep_their_length(of_bodies, judged):
    """What has no bound fills memory, columns and prompts."""
    reject(_once(judged(of_bodies(candidates.LENGTH))))


def test_values_have_their_form(of_bodies, judged):
    """A list of allowed values, a pattern or a format is a promise to whoever uses the value next."""
    reject(_once(judged(of_bodies(candidates.FORM))))


def test_lists_keep_their_length(of_bodies, judged):
    """Each item is work."""
    reject(_once(judged(of_bodies(candidates.ITEMS))))


def test_parameters_are_validated(validation, judged, coverage):
    """Query, header and cookie are input as much as the body."""
    outside = [item for item in validation.seen if item.place.location != "body" and not is_page_length(item)]
    if not outside:
        coverage.tested("no operation takes parameters")
    reject(_once(judged(outside, "parameters")))


def test_pages_are_bounded(validation, coverage):
    """One request for all rows is as costly as all requests."""
    lengths = [item for item in validation.seen if is_page_length(item)]
    coverage.unit = "lists"
    coverage.tested(lengths or "no list takes the length of its pages")
    wrong = [item for item in lengths if is_unbounded(item)]
    wrong += [
        item for item in lengths if item.outcome == trials.ACCEPTED and not isinstance(item.wrong.value, int | float)
    ]
    reject(_once(wrong))


def test_ids_have_their_form(validation, coverage):
    """An id that is none finds nothing."""
    coverage.unit = "operations"
    coverage.tested([exchange for _, exchange in validation.ids] or "no operation takes an id in its path")
    accepted = [answer for kind, answer in validation.ids if answer.ok and kind != "string" and _malformed(answer)]
    reject(
        {item.subject: item for item in accepted}.values(), "finds something under an id that is none", expected="404"
    )


def _malformed(exchange):
    return not exchange.request.note.endswith("}")


def test_bounds_of_the_adr_are_documented(validation, coverage):
    """Who writes a client reads the document; a bound that is not in it is not known."""
    demands = validation.demands
    if not demands:
        raise NotReviewed("no operation takes " + ", ".join(validation.target.input.constraints))
    coverage.unit = "fields"
    coverage.tested(demands)
    reject(
        [
            Problem(item.subject, "is documented without a bound that is demanded", item.demanded, item.unsaid)
            for item in demands
            if item.unsaid
        ]
    )


def test_bounds_of_the_adr_hold(validation, judged):
    """ADR-005 §4 by value, whatever the document says."""
    demanded = [item for item in validation.seen if item.wrong.demanded and item.wrong.rule in BY_VALUE]
    if not demanded and validation.demands:
        raise NotReviewed("; ".join(validation.withheld.values()) or "no value could be sent")
    if not demanded:
        raise NotReviewed("no operation takes " + ", ".join(validation.target.input.constraints))
    reject(_once(judged(demanded)))


def test_members_that_nobody_asked_for_are_not_kept(validation, coverage):
    """An id, a tenant, a role or a state that the client sets is the client's decision (mass assignment)."""
    coverage.unit = "operations"
    for item in validation.assigned:
        coverage.untested(item, item.undecided) if item.undecided else coverage.tested(item)
    if not validation.assigned:
        raise NotReviewed("no operation that may be tried, and accepted a right body, takes members")
    reject(
        [
            Problem(
                f"{item.subject} {name}",
                "is kept as the client sent it",
                "refused or passed over",
                shown.actual,
                shown.observation,
            )
            for item in validation.assigned
            for name, shown in item.kept.items()
        ]
    )


@pytest.fixture
def whole_bodies(validation, coverage):
    """Bodies that are wrong as a whole, of some kinds."""

    def whole_bodies(*kinds):
        found = [item for item in validation.bodies if item.odd.kind in kinds]
        if not found:
            takers = [f"{name} {reason}" for name, reason in validation.withheld.items()]
            raise NotReviewed("; ".join(takers) or "no operation that may be tried takes JSON")
        coverage.unit = "operations"
        for item in found:
            unclear = item.outcome == trials.UNDECIDED and item.odd.must == candidates.REFUSE
            coverage.untested(item, f"was answered {item.actual}") if unclear else coverage.tested(item)
        return [item for item in found if item.outcome == trials.ACCEPTED and item.odd.must == candidates.REFUSE]

    return whole_bodies


def _first_of_each(items, verb):
    first = {}
    for item in items:
        first.setdefault((item.subject, item.odd.label), item)
    for item in first.values():
        yield Problem(item.subject, f"{verb} {item.odd.label}", REFUSED, item.exchange.actual, item.observation)


def test_what_is_no_json_is_refused(whole_bodies):
    """What cannot be parsed cannot have been validated."""
    reject(_first_of_each(whole_bodies(bodies.MALFORMED), "accepts"))


def test_other_media_types_are_refused(whole_bodies):
    """Text and forms may be sent by a page of any origin without asking (Fetch standard; RFC 9110 §15.5.16)."""
    reject(_first_of_each(whole_bodies(bodies.MEDIA), "accepts"))


def test_large_bodies_are_refused(whole_bodies):
    """A body that is read to its end before it is refused, or unpacked, costs memory that others need."""
    reject(_first_of_each(whole_bodies(bodies.SIZE), "accepts"))


def test_a_member_given_twice_is_read_once(validation, whole_bodies):
    """Whoever validates the first and uses the second has validated nothing (RFC 8259 §4)."""
    whole_bodies(bodies.TWICE)
    twice = [item for item in validation.bodies if item.odd.kind == bodies.TWICE]
    both = len(twice) == 2 and all(item.outcome == trials.ACCEPTED for item in twice)
    reject(_first_of_each(twice[:1] if both else [], "accepts a right and a wrong value, in either order, for"))


def test_a_body_has_a_model(validation, coverage):
    """A handler that takes any object leaves its validation to chance."""
    coverage.unit = "operations"
    coverage.tested(validation.free_form or "every body that may be sent is described")
    reject(
        [item for item in validation.free_form if item.outcome == trials.ACCEPTED],
        "takes any object as its body",
        expected="a schema with the members that it takes, and 422 for anything else",
    )


def test_wrong_input_breaks_nothing(validation, coverage):
    """A server error is input that got past validation."""
    coverage.unit = "operations"
    coverage.tested([exchange for exchange in validation.exchanges if exchange.answered])
    right = {exchange.observation for item in validation.positives for _, exchange in item.tried}
    broken = {}
    for exchange in validation.broken:
        if exchange.observation not in right:
            broken.setdefault(exchange.subject, exchange)
    reject(
        [
            Problem(subject, f"breaks on {exchange.request.note}", "4xx", exchange.actual, exchange.observation)
            for subject, exchange in broken.items()
        ]
    )


def test_refused_input_leaves_nothing_behind(validation, coverage):
    """Who writes first and validates afterwards has done what it refuses."""
    seen = [item for item in validation.residues if item.visible]
    coverage.unit = "operations"
    coverage.tested(seen)
    if not seen:
        raise NotReviewed("no list shows what an operation that may be tried has made")
    reject([item for item in seen if item.surplus > 0], "refuses input and acts on it", expected="nothing new")


def test_rejections_have_one_shape(validation, target, coverage):
    """A client, and whoever reads its logs, knows one error format; another one comes from another layer."""
    rejections = validation.rejections
    if not rejections:
        raise Inconclusive("nothing was refused")
    coverage.unit = "operations"
    coverage.tested(rejections)
    odd = misshapen(rejections, target.input.error_members)
    reject(
        {item.subject: item for item in odd}.values(),
        "refuses input in another shape than usual",
        expected=", ".join(target.input.error_members) or "the members that the API's other errors have",
    )


def test_errors_tell_nothing_of_the_inside(validation, coverage):
    """Traces, SQL, paths and class names are a map for whoever looks for a way in."""
    errors = [exchange for exchange in validation.exchanges if (exchange.status or 0) >= 400]
    if not errors:
        raise Inconclusive("no error was seen")
    coverage.unit = "operations"
    coverage.tested(errors)
    told = {(leak.subject, leak.what): leak for leak in leaks(errors)}
    reject(
        [
            Problem(
                leak.subject,
                f"tells {leak.what} in an error",
                "an error that says what is wrong with the input",
                leak.actual,
                leak.observation,
            )
            for leak in told.values()
        ]
    )


def test_handlers_take_models(handlers, coverage):
    """In the source: what a handler takes from a body is described by a model."""
    coverage.unit = "handlers"
    coverage.tested(handlers.judged)
    reject(handlers.unmodelled, "takes a body that no model describes", expected="a Pydantic model, or another schema")
