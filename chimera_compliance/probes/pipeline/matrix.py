"""The combinations of a job's matrix."""

from itertools import product
from typing import Any

from chimera_compliance.probes.pipeline.context import Context
from chimera_compliance.probes.pipeline.documents import Map
from chimera_compliance.probes.pipeline.expressions import Unknown, evaluate

_MOST_CELLS = 32


def cells(job: Map, context: Context) -> list[dict[str, Any]]:
    """The combinations of a matrix; one that is made at run time is one cell of unknown values."""
    strategy = job.get("strategy")
    matrix = strategy.get("matrix") if isinstance(strategy, dict) else None
    if isinstance(matrix, str):
        matrix = evaluate(matrix.strip()[3:-2], context.names, context.functions)
    if not isinstance(matrix, dict):
        return [{}]
    axes = {key: value for key, value in matrix.items() if key not in ("include", "exclude")}
    axes = {
        key: evaluate(value.strip()[3:-2], context.names, context.functions) if isinstance(value, str) else value
        for key, value in axes.items()
    }
    axes = {key: value if isinstance(value, list) else [Unknown(f"matrix.{key}")] for key, value in axes.items()}
    made = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    excluded = matrix.get("exclude") if isinstance(matrix.get("exclude"), list) else []
    made = [c for c in made if not any(_within(one, c) for one in excluded)]
    for extra in matrix.get("include") if isinstance(matrix.get("include"), list) else []:
        if not isinstance(extra, dict):
            continue
        fitting = [c for c in made if _within({key: v for key, v in extra.items() if key in axes}, c)]
        for cell in fitting if axes else []:
            cell.update(extra)
        if not fitting or not axes:
            made.append(dict(extra))
    return made[:_MOST_CELLS]


def _within(part: Any, cell: dict[str, Any]) -> bool:
    return isinstance(part, dict) and all(cell.get(key) == value for key, value in part.items())
