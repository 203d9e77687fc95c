"""Conditions in CEL: compiled once, evaluated on the few values they read, which are plain JSON.

A missing path makes a condition false with a warning; any other error fails the step that asks.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import to_json

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph import condition_text
from ionflux_core.fluxgraph.references import MISSING, Read, Reference, found, spelled
from ionflux_core.limits import CONDITION_CONTEXT_BYTES, CONDITION_LIST_ITEMS, CONDITION_WORK

if TYPE_CHECKING:
    from types import ModuleType

    from cel import Program

_SIGNED_64 = 2**63
_loading = threading.Lock()
_RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "namespace",
    "package", "return", "var", "void", "while",
})  # fmt: skip
_NO_RESULT = (bool, int, float, str, list, dict, type(None))


class ConditionFailed(Invalid):
    """A condition that could not be decided on these values."""

    code = "condition_failed"


class Outcome(NamedTuple):
    """What an expression came to; with a warning when a path it reads is missing."""

    value: Any
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition and the paths it reads."""

    source: str
    cel: str
    reads: tuple[Read, ...]
    program: Program
    repeated: tuple[Reference, ...] = ()
    sums: int = 0

    @property
    def fixed(self) -> bool:
        """True when it reads nothing, so that it always comes to the same."""
        return not self.reads


@lru_cache(maxsize=4096)
def compiled(source: str) -> Condition:
    """The condition of a text, with or without braces; Invalid with a hint when it is none, or not allowed."""
    read = condition_text.rewritten(condition_text.tokens(source))
    condition_text.guard(read)
    cel = _joined(read)
    try:
        program = _engine().compile(cel)
    except BaseException as error:
        # The engine is written in Rust: should it ever panic, that is no Exception.
        raise _as_ours(error, "The condition cannot be read", _syntax(str(error))) from error
    reads, repeated = condition_text.paths(read), condition_text.repeated(read)
    return Condition(source, cel, reads, program, repeated, condition_text.sums(read))


def decide(source: str, context: Mapping[str, Any]) -> Outcome:
    """Whether a condition holds: true or false; Invalid or ConditionFailed when it comes to anything else."""
    outcome = evaluate(source, context)
    if outcome.value is None:
        return Outcome(False, outcome.warning or "The condition came to nothing and counts as false.")
    if not isinstance(outcome.value, bool):
        shown = str(outcome.value)[:60]
        raise ConditionFailed(f"The condition came to {shown!r}, not to true or false.", hint="Compare it: ... == ...")
    return outcome


def evaluate(source: str, context: Mapping[str, Any]) -> Outcome:
    """What an expression comes to, as plain JSON; None with a warning when a path it reads is missing."""
    condition = compiled(source)
    values = _values(condition.reads, context)
    if condition.repeated:
        _check_work(condition, values, context)
    try:
        value = condition.program.execute({_root_name(name): each for name, each in values.items()})
    except (KeyError, IndexError):
        return Outcome(None, _missing(condition.reads, context))
    except BaseException as error:
        if isinstance(error, TypeError | RuntimeError) and (gone := _missing_path(condition.reads, context)):
            return Outcome(None, f"{spelled(gone)} is missing, so the condition counts as false.")
        raise _as_ours(error, "The condition failed", _reason(error)) from error
    if not isinstance(value, _NO_RESULT) or _bytes_inside(value):
        raise ConditionFailed("The condition came to no plain value.", hint="Compare it with another value.")
    return Outcome(value)


def _bytes_inside(value: Any) -> bool:
    return isinstance(value, dict | list) and not _plain(value)


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(_plain(each) for each in value)
    return value is None or isinstance(value, bool | int | float | str)


def _values(reads: tuple[Read, ...], context: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is read, copied into a tree of plain JSON; ConditionFailed when it is too large or not plain."""
    tree: dict[str, Any] = {}
    whole: list[Reference] = []
    for keys in sorted((_until_index(path) for path, _ in reads), key=len):
        if any(keys[: len(known)] == known for known in whole):
            continue
        value = found(context, keys)
        # has(nodes.x) is asked of what holds x, so that the parents of a missing end must be there.
        if value is not MISSING:
            whole.append(keys)
            _plant(tree, keys, value)
        else:
            _plant_parents(tree, keys, context)
    _check_values(tree)
    return tree


def _until_index(path: Reference) -> Reference:
    for at, step in enumerate(path):
        if isinstance(step, int):
            return path[:at]
    return path


def _plant(tree: dict[str, Any], keys: Reference, value: Any) -> None:
    for key in keys[:-1]:
        inner = tree.setdefault(str(key), {})
        if not isinstance(inner, dict):
            return
        tree = inner
    last = str(keys[-1])
    if last not in tree or value != {}:
        tree[last] = value


def _plant_parents(tree: dict[str, Any], keys: Reference, context: Mapping[str, Any]) -> None:
    for end in range(len(keys) - 1, 0, -1):
        value = found(context, keys[:end])
        if value is not MISSING:
            _plant(tree, keys[:end], {} if isinstance(value, Mapping) else value)
            return


def _check_values(tree: dict[str, Any]) -> None:
    for count, value in enumerate(_inside(tree)):
        if isinstance(value, list) and len(value) > CONDITION_LIST_ITEMS:
            raise ConditionFailed(
                f"A condition may read lists of {CONDITION_LIST_ITEMS} items; this one has {len(value)}.",
                hint="Count or filter it with a transform before.",
            )
        if count > CONDITION_CONTEXT_BYTES:
            raise _too_large()
        if isinstance(value, str) and len(value) > CONDITION_CONTEXT_BYTES:
            raise _too_large()
        if isinstance(value, dict | list):
            continue
        if not _plain(value) or (type(value) is int and not -_SIGNED_64 <= value < _SIGNED_64):
            raise ConditionFailed("A condition reads plain JSON only.", hint="Numbers must fit into 64 bits.")
    if len(to_json(tree)) > CONDITION_CONTEXT_BYTES:
        raise _too_large()


def _check_work(condition: Condition, values: dict[str, Any], context: Mapping[str, Any]) -> None:
    """Refuse what would compare much with much: the items of all() or exists(), times what is read for each."""
    items = max((len(each) for each in _inside(values) if isinstance(each, dict | list)), default=0)
    weight = sum(_weight(found(context, path)) for path in condition.repeated)
    if (items + 100) * (condition.sums + 1) * weight > CONDITION_WORK:
        raise ConditionFailed(
            "There is too much to compare inside all() or exists().", hint="Compare single fields, or a shorter list."
        )


def _weight(value: Any) -> int:
    return sum(1 + len(each) // 16 if isinstance(each, str) else 1 for each in _inside(value))


def _inside(value: Any) -> Iterator[Any]:
    left = [value]
    while left:
        value = left.pop()
        yield value
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _too_large() -> ConditionFailed:
    size = CONDITION_CONTEXT_BYTES // 1024
    return ConditionFailed(f"A condition may read {size} KB; there is more.", hint="Name the part that is meant.")


def _missing_path(reads: tuple[Read, ...], context: Mapping[str, Any]) -> Reference | None:
    return next((path for path, _ in reads if found(context, path) is MISSING), None)


def _missing(reads: tuple[Read, ...], context: Mapping[str, Any]) -> str:
    gone = _missing_path(reads, context)
    what = spelled(gone) if gone else "A key or item that the condition reads"
    return f"{what} is missing, so the condition counts as false."


def _joined(read: list[condition_text.Token]) -> str:
    made = ""
    for at, token in enumerate(read):
        tight = token.text in ".()[],!" or (at > 0 and read[at - 1].text in ".([!")
        root = at == 0 or read[at - 1].text != "."
        text = _root_name(token.text) if root else token.text
        made += text if tight or not made else f" {text}"
    return made


def _root_name(name: str) -> str:
    """A name as the engine is given it: some of ours, such as loop, are words of its language."""
    return f"{name}_" if name in _RESERVED else name


def _as_ours(error: BaseException, what: str, reason: str) -> Invalid:
    if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit | MemoryError):
        raise error
    kind = ConditionFailed if what.endswith("failed") else Invalid
    return kind(f"{what}: {reason}.", hint="Use == != < <= > >= && || ! in, and has(a.b) for what may be missing.")


def _syntax(said: str) -> str:
    """The engine's complaint in plain words."""
    if "'<EOF>'" in said:
        return "it ends too early, or a bracket is not closed"
    wrong = re.search(r"(?:input|at:?) '([^'\n]{1,40})'", said)
    return f"{wrong[1]!r} does not belong there" if wrong else "it is no complete expression"


def _reason(error: BaseException) -> str:
    said = str(error).partition(". ")[0].rstrip(".")[:160]
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    if "No such overload" in said:
        return "an operator does not fit the types of its values, such as text beside a number"
    return said[:1].lower() + said[1:]


def _engine() -> ModuleType:
    """The compiled half of the package `cel`, loaded by one thread: another one would meet a half of it."""
    with _loading:
        return _loaded()


@cache
def _loaded() -> ModuleType:
    """The package's own __init__ brings a command line of 0.4 s with it: left out."""
    known = sys.modules.get("cel.cel")
    package = importlib.util.find_spec("cel")
    place = Path(next(iter(package.submodule_search_locations or [""]))) if package else Path()
    binary = next((each for each in sorted(place.glob("cel.*")) if each.suffix in (".so", ".pyd")), None)
    if known is not None or binary is None:
        from cel import cel

        return cel
    spec: ModuleSpec | None = importlib.util.spec_from_file_location("cel.cel", binary)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # The interpreter can load it once only; whoever imports `cel` later finds this one.
    sys.modules["cel.cel"] = module
    spec.loader.exec_module(module)
    return module
