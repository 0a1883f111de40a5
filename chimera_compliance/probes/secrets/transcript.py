"""What is written down of an answer of AWS: its shape and its names, and no value that may be secret."""

from datetime import datetime

_VALUES = frozenset(
    {
        *("SecretString", "SecretBinary", "UserData", "Value", "value", "Code", "Location", "Data"),
        *("Variables", "environment", "command", "entryPoint", "options", "dockerLabels", "healthCheck", "Description"),
    }
)
_ITEMS = 40


def told(answer: object, key: str = "") -> object:
    """An answer that may be written down; the names of settings are kept and their values are not."""
    match answer:
        case dict() if key in _VALUES:
            return {str(name): "…" for name in answer}
        case dict():
            return {str(name): told(item, str(name)) for name, item in answer.items()}
        case list() if key in _VALUES:
            return [item["name"] if isinstance(item, dict) and "name" in item else "…" for item in answer]
        case list() | tuple():
            shown = [told(item) for item in answer[:_ITEMS]]
            return shown if len(answer) <= _ITEMS else [*shown, f"… {len(answer) - _ITEMS} more"]
        case str() | bytes() if key in _VALUES:
            return f"… ({len(answer)} characters)"
        case datetime():
            return answer.isoformat()
        case bytes():
            return f"… ({len(answer)} octets)"
        case None | bool() | int() | float() | str():
            return answer
    return str(answer)
