"""A JSON object as one word of the command line."""

import json
from typing import Annotated, Any

from tyro.constructors import PrimitiveConstructorSpec


def _object(words: list[str]) -> dict[str, Any]:
    """The value of the word. Raises ValueError if it is no JSON object."""
    try:
        value = json.loads(words[0])
    except ValueError as error:
        raise ValueError(f"{words[0]!r} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{words[0]!r} is no JSON object")
    return value


JsonObject = Annotated[
    dict[str, Any],
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="JSON",
        instance_from_str=_object,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda value: [json.dumps(value)],
    ),
]
"""Type of an option whose value is one JSON object, as the keyword arguments of an environment."""
