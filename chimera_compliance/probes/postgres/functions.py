"""SECURITY DEFINER functions: called as tenant A, with tenant B's identifiers, and watched for what they give or do.

Such a function runs with its owner's rights. It is sound when what it gives depends on who is bound, and that
shows only by calling it. Where no arguments can be found that it takes, its source is read instead.
"""

import re
from collections.abc import Iterable
from itertools import islice, product

from chimera_compliance.probes.postgres.catalog import Function
from chimera_compliance.probes.postgres.experiment import Experiment
from chimera_compliance.probes.postgres.expressions import Mentions, uncommented
from chimera_compliance.probes.postgres.facts import Facts
from chimera_compliance.probes.postgres.rows import Row
from chimera_compliance.probes.postgres.session import Trial, literal
from chimera_compliance.probes.postgres.shadowing import hijacks
from chimera_compliance.probes.postgres.views import depends_on_others, marks, whole_row

_MOST_CALLS = 48
_MOST_FUNCTIONS = 200
_PER_ARGUMENT = 8
_LASTING = re.compile(
    r"dblink|nextval|setval|pg_terminate|pg_cancel|pg_sleep|lo_export|lo_import|\bprogram\b|http_|pg_advisory_lock|"
    r"pg_reload|pg_switch|pg_create_|pg_file_|plpython|plperl|net\.",
    re.IGNORECASE,
)
_INJECTIONS = ("%", "", "true", "1=1", "' OR true --", "%' OR true --")


def definers(experiment: Experiment) -> Facts:
    """Functions through which tenant A gets or changes what belongs to tenant B."""
    facts = Facts()
    for function in list(_callable(experiment))[:_MOST_FUNCTIONS]:
        _judge(experiment, function, facts)
    facts.none_there("functions", "SELECT oid::regprocedure FROM pg_proc WHERE prosecdef")
    return facts


def _lasting(function: Function) -> bool:
    """Whether a call could do what a rollback does not undo; then it is read, not called."""
    return bool(_LASTING.search(uncommented(function.source)))


def _callable(experiment: Experiment) -> Iterable[Function]:
    for function in experiment.catalog.functions.values():
        if function.definer and not function.trigger and function.kind in "fp" and experiment.reach.executes(function):
            yield function


def _judge(experiment: Experiment, function: Function, facts: Facts) -> None:
    subject = f"function {function.title}"
    texts, tenant_free = marks(experiment), experiment.as_a
    truth = _alive(experiment)
    before = experiment.session.attempt(truth).rows if truth else ()
    answered = False
    for arguments in [] if _lasting(function) else _arguments(experiment, function):
        call = _call(function, arguments)
        trial = experiment.session.attempt(call, identity=tenant_free, truth=truth or "SELECT 1")
        answered = answered or not trial.failed
        if what := _leak(trial, texts, arguments, before if truth else None):
            facts.saw(subject, what, experiment.script(_any_row(experiment), trial))
            return
    if _led_astray(experiment, function, texts, facts):
        return
    if answered and _counts(experiment, function):
        facts.saw(
            subject,
            "gives tenant A an answer that depends on rows of tenant B",
            (_call(function, _first(experiment, function)),),
        )
    elif answered:
        facts.looked_at(subject, trial.statements)
    else:
        _read(experiment, function, facts)


def _led_astray(experiment: Experiment, function: Function, texts: list[str], facts: Facts) -> bool:
    """Called again with objects of the application's own before it in the search path."""
    if _lasting(function):
        return False
    calls = [(given, _call(function, given)) for given in islice(_arguments(experiment, function), 3)]
    for what, before in hijacks(experiment, function):
        for given, call in calls:
            trial = experiment.session.attempt(*before, call, identity=experiment.as_a)
            if _leak(trial, texts, given, None):
                actual = f"looks names up as its caller does: by {what} it gave tenant A a row of tenant B"
                facts.saw(f"function {function.title}", actual, trial.statements)
                return True
    return False


def _leak(trial: Trial, texts: list[str], arguments: tuple[str, ...], before) -> str:
    if trial.failed:
        return ""
    given = " ".join(arguments)
    answer = " ".join(str(cell) for row in trial.rows[:2000] for cell in row) + " ".join(trial.notices)
    if any(text in answer and text not in given for text in texts):
        return "gave tenant A a row of tenant B"
    if any(
        text in answer.replace(given, "") and f"{text}-" in answer
        for text in texts
        if text in given and answer.count(text) > given.count(text)
    ):
        return "gave tenant A a row of tenant B"
    if before is not None and set(before) != set(trial.truth):
        return "changed a row of tenant B for tenant A"
    return ""


def _alive(experiment: Experiment) -> str:
    """The state of tenant B's planted rows, to see whether a call changed them."""
    rows = [row for found in experiment.foreign.values() for label, row in found if label == "tenant B"][:40]
    questions = []
    for row in rows:
        key = row.recognised_by(list(row.relation.columns), None)
        if key:
            digest = f"md5({whole_row(list(row.relation.columns))})"
            questions.append(f"SELECT {digest} FROM {row.relation.sql} WHERE {key}")
    return " UNION ALL ".join(questions)


def _any_row(experiment: Experiment) -> Row | None:
    return next((row for found in experiment.foreign.values() for _, row in found), None)


def _call(function: Function, arguments: tuple[str, ...]) -> str:
    listed = ", ".join(f"{value}::{kind}" for value, kind in zip(arguments, function.argument_types, strict=False))
    if function.kind == "p":
        return f"CALL {function.sql}({listed})"
    return f"SELECT result::text FROM {function.sql}({listed}) AS result"


def _arguments(experiment: Experiment, function: Function) -> Iterable[tuple[str, ...]]:
    """Combinations of tenant B's identifiers and texts, the likeliest first."""
    needed = function.argument_types[: len(function.argument_types) if function.arity else 0]
    choices = [_choices(experiment, function, place) for place in range(len(needed))]
    if not choices:
        return [()]
    diagonal = [
        tuple(options[min(turn, len(options) - 1)] for options in choices) for turn in range(max(map(len, choices)))
    ]
    return list(dict.fromkeys([*diagonal, *islice(product(*choices), _MOST_CALLS)]))[:_MOST_CALLS]


def _first(experiment: Experiment, function: Function) -> tuple[str, ...]:
    return next(iter(_arguments(experiment, function)))


def _choices(experiment: Experiment, function: Function, place: int) -> list[str]:
    name = function.argument_names[place] if place < len(function.argument_names) else ""
    kind, category = function.argument_types[place], function.argument_categories[place]
    values = _of_tenant_b(experiment, kind, category, name)
    fixed = {"B": ["true", "false"], "N": ["1", "1000"], "D": ["'2000-01-01'", "'2999-01-01'"], "T": ["'1 day'"]}
    if category == "S":
        values = [
            literal(_INJECTIONS[0]),
            *values[:_PER_ARGUMENT],
            *map(literal, _INJECTIONS[1:]),
            *_queries(experiment),
        ]
    elif kind in ("json", "jsonb"):
        values = ["'{}'"]
    elif category == "A":
        values = [f"ARRAY[{value}]" for value in _of_tenant_b(experiment, kind.removesuffix("[]"), "U", name)[:3]] + [
            "'{}'"
        ]
    return (values[: _PER_ARGUMENT * 3] + fixed.get(category, [])) or ["NULL"]


def _queries(experiment: Experiment) -> list[str]:
    """Names of tables and whole queries, for functions that run what they are given."""
    names = [table.relation for table in experiment.tried if not table.root][:2]
    queries = [f"SELECT {whole_row(list(relation.columns))} FROM {relation.sql}" for relation in names]
    return [literal(text) for text in [*queries, *(relation.title for relation in names)]]


def _of_tenant_b(experiment: Experiment, kind: str, category: str, name: str) -> list[str]:
    """Values of tenant B's planted rows of a type; those of columns with the argument's name come first."""
    found: dict[str, int] = {}
    stem = name.lower().removeprefix("p_").removeprefix("_").removesuffix("_id")
    for rows in experiment.foreign.values():
        for row in [row for label, row in rows if label == "tenant B"]:
            for column, value in row.values.items():
                about = row.relation.columns[column]
                same = about.type == kind or (category == "S" and about.category == "S")
                if value is not None and same:
                    near = bool(stem) and (stem in column or stem in row.relation.name)
                    rank = 0 if near else 1 if column == experiment.tenancy.names[:1] else 2
                    found[literal(value)] = min(rank, found.get(literal(value), rank))
    return sorted(found, key=found.__getitem__)


def _counts(experiment: Experiment, function: Function) -> bool:
    """Whether an answer without B's texts still depends on B's rows; helpers of policies are told apart by reads."""
    if function.kind == "p" or function.returns in ("void",) or _is_helper(experiment, function):
        return False
    bases = [table.relation for table in experiment.tried if _names(function, table.relation)]
    arguments = islice(_arguments(experiment, function), 4)
    return bool(bases) and any(
        depends_on_others(experiment, _call(function, given).replace("result::text", "result::text AS line"), bases)
        for given in arguments
    )


def _is_helper(experiment: Experiment, function: Function) -> bool:
    policies = [policy for table in experiment.tried for policy in table.relation.policies]
    return any(function in experiment.expressions.functions_of(policy) for policy in policies)


def _names(function: Function, relation) -> bool:
    named = Mentions(uncommented(function.source)).tables
    return (relation.schema, relation.name) in named or ("", relation.name) in named


def _read(experiment: Experiment, function: Function, facts: Facts) -> None:
    """No call went through: the source decides, if it names a multi-tenant table that the owner sees whole."""
    subject = f"function {function.title}"
    owner = experiment.catalog.roles[function.owner]
    touched = [table.relation for table in experiment.tenancy.tables.values() if _names(function, table.relation)]
    exempt = [relation for relation in touched if experiment.reach.skips_policies(owner, relation)]
    source = uncommented(function.source)
    tied = any(name in source for name in experiment.settings) or Mentions(source).identities
    tied = tied or any(called.name in source for called in _binders(experiment))
    if exempt and not tied:
        title = exempt[0].title
        facts.saw(
            subject,
            f"runs as {owner.name}, whom no policy of {title} binds, and nothing in it asks for the tenant",
            _definition(function),
        )
    elif touched:
        facts.could_not(subject, "no arguments were found that it takes")
    else:
        facts.looked_at(subject, _definition(function), "it names no multi-tenant table")


def _binders(experiment: Experiment) -> list[Function]:
    policies = [policy for table in experiment.tried for policy in table.relation.policies]
    return [function for policy in policies for function in experiment.expressions.functions_of(policy)]


def _definition(function: Function) -> tuple[str, ...]:
    return (f"SELECT pg_get_functiondef({function.oid})",)
