"""The text of a condition: its tokens, the older spellings rewritten to CEL, and the guard before anything is compiled.

CEL itself reaches nothing outside its data, but nested macros, long concatenations inside a macro and counted
repetitions in patterns can burn minutes in few characters. What is not on the short lists here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ionflux_core.errors import Invalid
from ionflux_core.fluxgraph.references import Read, Reference
from ionflux_core.limits import CONDITION_CHARS, CONDITION_DEPTH, CONDITION_REPEATS

MACROS = frozenset({"all", "exists"})
FUNCTIONS = frozenset({
    "size", "has", "int", "uint", "double", "string", "contains", "startsWith", "endsWith", "matches", "timestamp",
    "duration", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours",
    "getMinutes", "getSeconds", "getMilliseconds",
})  # fmt: skip
_CONSTANTS = frozenset({"true", "false", "null", "in"})
_WORDS = {"and": "&&", "or": "||", "not": "!", "True": "true", "False": "false", "None": "null", "undefined": "null"}
_SIGNS = {"===": "==", "!==": "!="}
_COMPARING = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "."})
_OPEN, _CLOSE = "([{", ")]}"
_MACRO_CHARS = 200
_MACRO_SUMS = 2
_SUMS = 50
_COUNTS = re.compile(r"\{([0-9]*)(?:,([0-9]*))?\}")
_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<number>0x[0-9a-fA-F]+u?|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?u?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:.,()\[\]{}])
    |(?P<blank>[ \t\r\n]+)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A word, sign, number or quoted text of a condition."""

    kind: str
    text: str


def tokens(source: str) -> list[Token]:
    """The tokens of a condition, its outer braces left off; Invalid when it is too long or no expression."""
    if len(source) > CONDITION_CHARS:
        raise Invalid(
            f"A condition may have {CONDITION_CHARS} characters; this one has {len(source)}.",
            hint="Compute the value in a node of its own and test its output.",
        )
    text = source.strip()
    if text.startswith("{{") and text.endswith("}}"):
        text = text[2:-2].strip()
    if not text:
        raise Invalid("The condition is empty.", hint="Write one such as nodes.score.outputs.value > 0.7.")
    return [token for token in _scanned(text) if token.kind != "blank"]


def _scanned(text: str) -> list[Token]:
    read: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Invalid(f"The condition cannot be read from {text[at : at + 20]!r} on.", hint=_hint_for(text[at:]))
        kind = str(match.lastgroup)
        if kind == "text" and read and read[-1].kind in ("text", "name"):
            raise Invalid("Quotes stand here without an operator.", hint="Use plain 'text' or \"text\".")
        read.append(Token(kind, match[0]))
        at = match.end()
    return read


def _hint_for(rest: str) -> str:
    if rest[0] in "\"'":
        return "A quote is not closed."
    return {"=": "Compare with ==.", "&": "Join with &&.", "|": "Join with ||."}.get(
        rest[0], "Use paths, numbers, 'text' and operators such as == and &&."
    )


def rewritten(read: list[Token]) -> list[Token]:
    """The tokens with older spellings as CEL: ===, and/or/not, .length, `a if c else b`."""
    _check_depth(read)
    plain = []
    for index, token in enumerate(read):
        after_dot = index > 0 and read[index - 1].text == "."
        called = index + 1 < len(read) and read[index + 1].text == "("
        if token.kind == "sign":
            plain.append(Token("sign", _SIGNS.get(token.text, token.text)))
        elif token.kind == "name" and not after_dot and token.text in _WORDS:
            new = _WORDS[token.text]
            plain.append(Token("name" if new.isalpha() else "sign", new))
        elif token.kind == "name" and after_dot and token.text == "length" and not called:
            plain += [Token("name", "size"), Token("sign", "("), Token("sign", ")")]
        else:
            plain.append(token)
    return _ternaries(plain) if any(token.text == "if" for token in plain) else plain


def _check_depth(read: Sequence[Token]) -> None:
    depth = 0
    for token in read:
        if token.kind == "sign" and token.text in _OPEN:
            depth += 1
        elif token.kind == "sign" and token.text in _CLOSE:
            depth -= 1
        if depth > CONDITION_DEPTH:
            raise Invalid(f"Brackets nest deeper than {CONDITION_DEPTH} levels.", hint="Split the condition.")


def _ternaries(read: list[Token]) -> list[Token]:
    """`a if c else b` as `(c) ? (a) : (b)`, in every bracket on its own."""
    made: list[Token] = []
    part: list[Token] = []
    at = 0
    while at < len(read):
        token = read[at]
        if token.kind == "sign" and token.text in _OPEN:
            end = _closing(read, at)
            part += [token, *_ternaries(read[at + 1 : end]), *read[end : end + 1]]
            at = end
        elif token.text == ",":
            made += [*_ternary(part), token]
            part = []
        else:
            part.append(token)
        at += 1
    return made + _ternary(part)


def _closing(read: list[Token], opened: int) -> int:
    depth = 0
    for at in range(opened, len(read)):
        if read[at].kind == "sign":
            depth += (read[at].text in _OPEN) - (read[at].text in _CLOSE)
        if depth == 0:
            return at
    raise Invalid("A bracket is not closed.", hint="Close every ( [ and {.")


def _ternary(part: list[Token]) -> list[Token]:
    asked = _at_this_depth(part, "if")
    other = _at_this_depth(part, "else")
    if asked is None or other is None or not asked < other:
        return part
    chosen, condition, rest = part[:asked], part[asked + 1 : other], _ternary(part[other + 1 :])
    opened, closed = Token("sign", "("), Token("sign", ")")
    return [
        opened, *condition, closed, Token("sign", "?"), opened, *chosen, closed, Token("sign", ":"), opened, *rest,
        closed,
    ]  # fmt: skip


def _at_this_depth(part: list[Token], word: str) -> int | None:
    depth = 0
    for at, token in enumerate(part):
        if token.kind == "sign":
            depth += (token.text in _OPEN) - (token.text in _CLOSE)
        elif token.kind == "name" and token.text == word and depth == 0:
            return at
    return None


def guard(read: list[Token]) -> None:
    """Refuse every call that is not on the list, a second macro, and what is costly inside one."""
    _check_depth(read)
    macros = []
    for at, token in enumerate(read[:-1]):
        if token.kind != "name" or read[at + 1].text != "(" or token.text in _CONSTANTS:
            continue
        method = at > 0 and read[at - 1].text == "."
        if method and token.text in MACROS:
            macros.append(at)
        elif token.text not in FUNCTIONS:
            raise Invalid(f"{token.text}() cannot be used in a condition.", hint=_instead(token.text))
    if len(macros) > 1:
        raise Invalid("A condition may have one all() or exists().", hint="Put the other one into a node before.")
    if sums(read) > _SUMS:
        raise Invalid(f"A condition may add {_SUMS} times.", hint="Add up in a node before.")
    for at in macros:
        _guard_macro(read[at + 1 : _closing(read, at + 1) + 1])
    _guard_patterns(read)
    _refuse_defaults(read)


def _instead(name: str) -> str:
    if name in ("map", "filter", "exists_one"):
        return "Use all() or exists(), or a transform such as data.filter before."
    return f"There are {', '.join(sorted(MACROS | {'contains', 'endsWith', 'has', 'matches', 'size', 'startsWith'}))}."


def _guard_macro(inside: list[Token]) -> None:
    if any(token.kind == "name" and token.text == "matches" for token in inside):
        raise Invalid("matches() cannot stand inside all() or exists().", hint="Use contains() or startsWith().")
    if sum(len(token.text) for token in inside) > _MACRO_CHARS:
        raise Invalid(f"What is inside all() or exists() may have {_MACRO_CHARS} characters.", hint="Make it shorter.")
    if sums(inside) > _MACRO_SUMS:
        raise Invalid("There are too many + inside all() or exists().", hint="Add up in a node before.")


def _guard_patterns(read: list[Token]) -> None:
    """Patterns are written out, and repeat little: a count of ten thousand would take a minute on a long text."""
    repeats = 1
    for at, token in enumerate(read[:-1]):
        if token.kind != "name" or token.text != "matches" or read[at + 1].text != "(":
            continue
        given = read[at + 2 : _closing(read, at + 1)]
        if not given or given[-1].kind != "text" or (len(given) > 1 and given[-2].text != ","):
            raise Invalid("matches() takes a pattern that is written out.", hint="Write it as 'text', without +.")
        for low, high in _COUNTS.findall(given[-1].text.replace(" ", "")):
            repeats *= max(1, int(low or 1), int(high or 1))
    if repeats > CONDITION_REPEATS:
        raise Invalid(
            f"The counts {{n}} of a pattern may multiply to {CONDITION_REPEATS}; these are {min(repeats, 10**9)}.",
            hint="Use + or *, or a smaller count.",
        )


def _refuse_defaults(read: list[Token]) -> None:
    """`a || 'x'` as a default is another language's: in CEL both sides are conditions."""
    for at, token in enumerate(read[:-1]):
        following = read[at + 1]
        if token.text != "||" or token.kind != "sign" or following.kind not in ("text", "number"):
            continue
        if at + 2 >= len(read) or read[at + 2].text not in _COMPARING:
            raise Invalid(
                f"|| joins two conditions; {following.text} is none.",
                hint=f"For a default write has(a.b) ? a.b : {following.text}.",
            )


def paths(read: list[Token]) -> tuple[Read, ...]:
    """Every path the tokens read, those inside has() as optional; a macro's own variable is left out."""
    return tuple(dict.fromkeys(_paths(read, _macro_variables(read))))


def repeated(read: list[Token]) -> tuple[Reference, ...]:
    """What a macro reads of the values around it once for each item, as often as it does."""
    inside = [
        read[at + 2 : _closing(read, at + 1)]
        for at, token in enumerate(read[:-1])
        if token.text in MACROS and read[at + 1].text == "("
    ]
    own = _macro_variables(read)
    return tuple(found.path for body in inside for found in _paths(body, own))


def sums(read: list[Token]) -> int:
    """How often something is added, and so how many times longer a list can become."""
    return sum(token.text == "+" for token in read)


def _paths(read: list[Token], own: frozenset[str]) -> Iterator[Read]:
    at = 0
    while at < len(read):
        token, before = read[at], read[at - 1].text if at else ""
        called = at + 1 < len(read) and read[at + 1].text == "("
        if token.kind != "name" or before == "." or called or token.text in _CONSTANTS:
            at += 1
            continue
        path, at = _path_at(read, at)
        if path[0] not in own:
            yield Read(path, before == "(" and _calls_has(read, at, path))


def _path_at(read: list[Token], at: int) -> tuple[Reference, int]:
    path: list[str | int] = [read[at].text]
    at += 1
    while at + 1 < len(read):
        if read[at].text == "." and read[at + 1].kind == "name":
            if at + 2 < len(read) and read[at + 2].text == "(":
                break
            path.append(read[at + 1].text)
            at += 2
        elif read[at].text == "[" and at + 2 < len(read) and read[at + 2].text == "]":
            step = read[at + 1]
            if step.kind == "number" and step.text.isdigit():
                path.append(int(step.text))
            elif step.kind == "text" and "\\" not in step.text:
                path.append(step.text[1:-1])
            else:
                break
            at += 3
        else:
            break
    return tuple(path), at


def _calls_has(read: list[Token], end: int, path: Reference) -> bool:
    start = end - 1
    steps = 0
    while start > 0 and steps < len(path) * 3:
        if read[start].text == "(":
            return start > 0 and read[start - 1].text == "has"
        start -= 1
        steps += 1
    return False


def _macro_variables(read: list[Token]) -> frozenset[str]:
    return frozenset(
        read[at + 2].text
        for at, token in enumerate(read[:-3])
        if token.text in MACROS and read[at + 1].text == "(" and read[at + 3].text == ","
    )
