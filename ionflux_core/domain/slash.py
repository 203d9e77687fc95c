"""What a person types after a slash: the command's word, an agent's name, a task in words, named parameters or JSON.

    /run_agent NAME [TASK...] [JSON | k=v ...]

NAME is quoted, or the longest known name the words begin with, in any case, or an id. JSON is read strictly first, then
with unquoted keys and words, single quotes and trailing commas. Nothing is evaluated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ionflux_core.errors import Invalid, Problem
from ionflux_core.limits import JSON_DEPTH

_COMMAND = re.compile(r"/([A-Za-z][A-Za-z0-9_]{0,39})(?=\s|$)")
_KEY = re.compile(r"[^\W\d][\w.-]*")
_PAIR = re.compile(r"([^\W\d][\w.-]*)=")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])")
_WORD = re.compile(r"[\w./:@+-]+")
_CLOSING = {'"': '"', "'": "'", "“": "”", "„": "“"}
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """A command as it was typed: its word in lower case, the rest, and where in the message the rest begins."""

    name: str
    rest: str
    begins: int = 0
    whole: str = ""


@dataclass(frozen=True, slots=True)
class AgentCall:
    """Whom to start, the task in words, and what was given: `inputs` by JSON, or `named` as the text after each `=`."""

    target: str
    task: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)


def command_in(text: str) -> SlashCommand | None:
    """The command a message is, or None: a slash, a word, then a blank or the end. `/etc/hosts` and `//x` are none."""
    lead = len(text) - len(text.lstrip())
    found = _COMMAND.match(text, lead)
    if found is None:
        return None
    rest = text[found.end() :]
    begins = found.end() + len(rest) - len(rest.lstrip())
    return SlashCommand(found[1].lower(), rest.strip(), begins, text)


def read_call(command: SlashCommand, names: Iterable[str]) -> AgentCall:
    """Whom a command starts with what; `names` are the names there are. Invalid says what is wrong, and where."""
    reader = _Reader(command)
    target = reader.name(names)
    return reader.arguments(target)


def read_json(text: str) -> Any:
    """A JSON value, strictly or in the relaxed form; Invalid with line and column otherwise."""
    return _Reader(SlashCommand("", text, 0, text)).json_to_end(0)


class _Reader:
    """Reads the rest of a command from the left; places are told by line and column of the whole message."""

    def __init__(self, command: SlashCommand) -> None:
        self._text = command.rest
        self._begins = command.begins
        self._whole = command.whole or command.rest
        self._at = 0

    def name(self, names: Iterable[str]) -> str:
        """The name at the beginning; what comes after it is read next."""
        if not self._text:
            raise Invalid("Say which agent is to run.", hint='For example: /run_agent "Revenue Tracker" {"days": 7}')
        closing = _CLOSING.get(self._text[0])
        if closing is not None:
            return self._quoted(closing).strip()
        fitting = [name for name in names if name and self._begins_with(name)]
        name = max(fitting, key=len, default="")
        if name:
            self._at = len(name)
            return name
        word = re.match(r"[^\s{]+", self._text)
        if word is None:
            self._fail("A name is missing before the parameters.", 0, "Begin with the agent's name or id.")
        self._at = word.end()
        return word[0]

    def _begins_with(self, name: str) -> bool:
        after = self._text[len(name) : len(name) + 1]
        return self._text[: len(name)].casefold() == name.casefold() and (not after or after.isspace() or after == "{")

    def arguments(self, target: str) -> AgentCall:
        """The task in words, then JSON or named parameters, up to the end."""
        words_from = self._at
        for token in re.finditer(r"\S+", self._text[words_from:]):
            place = words_from + token.start()
            if self._text[place] == "{":
                task = self._text[words_from:place].strip()
                return AgentCall(target, task, self._object(place))
            if _PAIR.match(self._text, place):
                task = self._text[words_from:place].strip()
                return AgentCall(target, task, named=self._pairs(place))
        return AgentCall(target, self._text[words_from:].strip())

    def _object(self, place: int) -> dict[str, Any]:
        value = self.json_to_end(place)
        assert isinstance(value, dict)
        return value

    def _pairs(self, place: int) -> dict[str, str]:
        named: dict[str, str] = {}
        self._at = place
        while self._at < len(self._text):
            found = _PAIR.match(self._text, self._at)
            if found is None:
                self._fail("A named parameter is expected here.", self._at, "Write key=value; quote a value of words.")
            if found[1] in named:
                self._fail(f"{found[1]!r} is given twice.", self._at, "Give each parameter once.")
            self._at = found.end()
            named[found[1]] = self._pair_value()
            self._skip_blanks()
        return named

    def _pair_value(self) -> str:
        first = self._text[self._at : self._at + 1]
        if first in _CLOSING and first:
            return self._quoted(_CLOSING[first])
        if first in ("{", "["):
            begin = self._at
            self._value(1)
            return self._text[begin : self._at]
        word = re.compile(r"\S*").match(self._text, self._at)
        assert word is not None
        self._at = word.end()
        return word[0]

    def json_to_end(self, place: int) -> Any:
        """One JSON value from a place to the end of the text."""
        try:
            return json.loads(self._text[place:], parse_constant=_no_constant)
        except (ValueError, RecursionError):
            self._at = place
        value = self._value(1)
        self._skip_blanks()
        if self._at < len(self._text):
            self._fail("Something stands after the end of the JSON.", self._at, "Remove it, or put it inside.")
        return value

    def _value(self, depth: int) -> Any:
        self._skip_blanks()
        if depth > JSON_DEPTH:
            self._fail(f"The JSON is more than {JSON_DEPTH} levels deep.", self._at, "Give it as a file.")
        first = self._text[self._at : self._at + 1]
        if first == "{":
            return self._map(depth)
        if first == "[":
            return self._list(depth)
        if first in ('"', "'"):
            return self._quoted(first)
        number = _NUMBER.match(self._text, self._at)
        if number is not None and (self._ends_value(number.end())):
            self._at = number.end()
            return json.loads(number[0])
        word = _WORD.match(self._text, self._at)
        if word is None:
            self._fail("A value is missing here.", self._at, "Quote text, as in {note: 'two words'}.")
        self._at = word.end()
        return _CONSTANTS.get(word[0], word[0])

    def _ends_value(self, place: int) -> bool:
        return self._text[place : place + 1] in ("", ",", "}", "]") or self._text[place].isspace()

    def _map(self, depth: int) -> dict[str, Any]:
        opened, found = self._at, dict[str, Any]()
        self._at += 1
        while not self._closes("}", opened):
            key = self._key()
            self._skip_blanks()
            if self._text[self._at : self._at + 1] != ":":
                self._fail(f"A colon is missing after {key[:40]!r}.", self._at, "Write key: value.")
            self._at += 1
            found[key] = self._value(depth + 1)
            self._comma("}")
        return found

    def _list(self, depth: int) -> list[Any]:
        opened, found = self._at, list[Any]()
        self._at += 1
        while not self._closes("]", opened):
            found.append(self._value(depth + 1))
            self._comma("]")
        return found

    def _closes(self, mark: str, opened: int) -> bool:
        self._skip_blanks()
        if self._at >= len(self._text):
            self._fail(f"{self._text[opened]!r} is opened here and never closed.", opened, f"Add {mark!r} at the end.")
        if self._text[self._at] != mark:
            return False
        self._at += 1
        return True

    def _comma(self, mark: str) -> None:
        self._skip_blanks()
        following = self._text[self._at : self._at + 1]
        if following == ",":
            self._at += 1
        elif following not in ("", mark):
            self._fail(f"A comma or {mark!r} is missing here.", self._at, "Quote text that has blanks in it.")

    def _key(self) -> str:
        if self._text[self._at] in ('"', "'"):
            return self._quoted(self._text[self._at])
        key = _KEY.match(self._text, self._at)
        if key is None:
            self._fail("A key is missing here.", self._at, 'Keys are words, or text in "quotes".')
        self._at = key.end()
        return key[0]

    def _quoted(self, closing: str) -> str:
        opened, pieces = self._at, list[str]()
        self._at += 1
        while self._at < len(self._text):
            letter = self._text[self._at]
            self._at += 1
            if letter == closing:
                return "".join(pieces)
            pieces.append(self._escape() if letter == "\\" else letter)
        self._fail("A quotation is opened here and never closed.", opened, f"Add {closing} where it ends.")

    def _escape(self) -> str:
        letter = self._text[self._at : self._at + 1]
        self._at += 1
        if letter == "u" and re.fullmatch(r"[0-9a-fA-F]{4}", digits := self._text[self._at : self._at + 4]):
            self._at += 4
            point = chr(int(digits, 16))
            # Half of a pair is no letter that could be stored.
            return "\ufffd" if "\ud800" <= point <= "\udfff" else point
        return _ESCAPED.get(letter, letter)

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _fail(self, message: str, place: int, hint: str) -> NoReturn:
        before = self._whole[: self._begins + place]
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        problem = Problem(message, hint=hint, line=line, column=column)
        raise Invalid(str(problem)[:1].upper() + str(problem)[1:], problems=[problem], hint=hint, code="bad_command")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
