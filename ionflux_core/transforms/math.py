"""Figures: one computed from an expression, and what a list of numbers comes to."""

from __future__ import annotations

import math
import re
import statistics
from typing import Annotated, Any, TypedDict

from pydantic import Field

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph import conditions
from ionflux_core.fluxgraph.template_filters import as_text
from ionflux_core.sdk import not_computed
from ionflux_core.transforms import paths
from ionflux_core.transforms.base import EMPTY, Example, Items, in_place, number, transform, unfit

# Whole numbers outside of quotes and of brackets: CEL divides 1 by 2 to 0, and adds no 1 to a 2.5.
_WHOLE = re.compile(r"""("[^"]*"|'[^']*'|\[\s*[0-9]+\s*\])|(?<![\w.])([0-9]+)(?![\w.])""")
_RESULT = 2**53
_HINT = "Use numbers, names of values, + - * / and brackets, and a > b ? x : y to choose."


class Result(TypedDict):
    """What an expression came to."""

    value: Annotated[float, "The number."]


@transform(
    "math.calc",
    title="Compute",
    examples=[
        Example("A margin", {"expression": "(price - cost) / price * 100", "values": {"price": 20, "cost": 13},
                             "digits": 1}, {"value": 35}),
        Example("One or the other", {"expression": "total > 100 ? total * 0.9 : total", "values": {"total": 200}},
                {"value": 180}),
    ],
)  # fmt: skip
def calc(
    expression: Annotated[str, "Numbers, names of values, + - * / and brackets; a > b ? x : y chooses."],
    values: Annotated[dict[str, Any], "The values it names: numbers, or maps and lists of numbers."] = EMPTY,
    digits: Annotated[int, "So many decimals; -1 leaves the number as it comes.", Field(ge=-1, le=12)] = -1,
) -> Result:
    """Compute a number. Every number is a decimal, so 1 / 2 is 0.5."""
    source = _WHOLE.sub(lambda match: match[1] or f"{match[2]}.0", expression)
    try:
        outcome = conditions.evaluate(source, _decimals(values))
    except Invalid as error:
        told = Invalid(error.message.replace("The condition", "The expression"), hint=_HINT, code=error.code)
        raise in_place("expression", told) from error
    found = outcome.value
    if found is None:
        raise unfit("values", outcome.warning.replace(", so the condition counts as false", "") or "Nothing comes out.",
                    "Give every value the expression names.")  # fmt: skip
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise unfit("expression", f"It comes to {as_text(found)[:60]!r}, which is no number.", "Compute a number.")
    return {"value": number(round(found, digits) if digits >= 0 and math.isfinite(found) else found)}


def _decimals(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decimals(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_decimals(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    if abs(value) > _RESULT:
        raise unfit("values", "A value has more digits than a decimal keeps.", "Give numbers below 9e15.")
    return float(value)


class Figures(TypedDict):
    """What a list of numbers comes to."""

    count: Annotated[int, "How many numbers."]
    sum: Annotated[float, "Their sum."]
    mean: Annotated[float | dict[str, str], "Their average."]
    median: Annotated[float | dict[str, str], "The one in the middle."]
    min: Annotated[float | dict[str, str], "The smallest."]
    max: Annotated[float | dict[str, str], "The largest."]
    deviation: Annotated[float | dict[str, str], "The standard deviation of a sample."]
    missing: Annotated[int, "Items without a number at the path."]


@transform(
    "math.stats",
    title="Figures of a list",
    examples=[
        Example("Prices", {"items": [{"price": 5}, {"price": 8}, {"price": 8}, {}], "of": "price"},
                {"count": 3, "sum": 21, "mean": 7, "median": 8, "min": 5, "max": 8, "deviation": 1.7320508075688772,
                 "missing": 1}),
        Example("One number", {"items": [4]},
                {"count": 1, "sum": 4, "mean": 4, "median": 4, "min": 4, "max": 4,
                 "deviation": {"not_computed": "It takes two numbers."}, "missing": 0}),
    ],
)  # fmt: skip
def stats(
    items: Annotated[Items, "Numbers, or items that hold one."],
    of: Annotated[str, "The path of the number in each item."] = "",
) -> Figures:
    """Count, add up and average numbers. What cannot be known of so few says so."""
    read = _reader(of)
    found = [read(item) for item in items]
    given = [value for value in found if value is not None]
    wrong = next((value for value in given if isinstance(value, bool) or not isinstance(value, int | float)), None)
    if wrong is not None:
        raise unfit("items", f"{as_text(wrong)[:40]!r} is no number.", "Make it a number before, or name its path.")
    none = not_computed("There is no number.")
    return {
        "count": len(given),
        "sum": number(math.fsum(given)),
        "mean": number(math.fsum(given) / len(given)) if given else none,
        "median": number(statistics.median(given)) if given else none,
        "min": min(given) if given else none,
        "max": max(given) if given else none,
        "deviation": number(_deviation(given)) if len(given) > 1 else not_computed("It takes two numbers."),
        "missing": len(found) - len(given),
    }


def _reader(path: str) -> Any:
    try:
        return paths.reader(path)
    except Invalid as error:
        raise in_place("of", error) from error


def _deviation(given: list[int | float]) -> float:
    mean = math.fsum(given) / len(given)
    return math.sqrt(math.fsum((each - mean) ** 2 for each in given) / (len(given) - 1))
