"""A new transform: a small one that really works, and a test that passes."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from ionflux_core.errors import Conflict, Invalid

_CODE = '''\
"""{title}: says in one line what lives here."""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import Field

from ionflux_core.transforms.base import Example, Text, transform


class Counted(TypedDict):
    """What comes out; every field is an output."""

    words: Annotated[int, "How many words."]
    longest: Annotated[str, "The longest of them."]


@transform(
    "{name}",
    title="{title}",
    examples=[Example("Two words", {{"text": "blue shirt"}}, {{"words": 2, "longest": "shirt"}})],
)
def {function}(
    text: Annotated[Text, "The text to count."],
    least: Annotated[int, "Shorter words are not counted.", Field(ge=1, le=100)] = 1,
) -> Counted:
    """Count the words of a text. This sentence is what the page and the documentation say."""
    words = [word for word in text.split() if len(word) >= least]
    return {{"words": len(words), "longest": max(words, key=len, default="")}}
'''

_TEST = '''\
"""{title}: what it makes of texts, and what it refuses."""

from __future__ import annotations

import pytest

from ionflux_core.errors import Invalid
from ionflux_core.transforms.registry import named


def test_short_words_are_left_out() -> None:
    made = named("{name}").run(None, {{"text": "a blue shirt", "least": 2}})  # type: ignore[arg-type]
    assert made == {{"words": 2, "longest": "shirt"}}


def test_a_text_is_needed() -> None:
    with pytest.raises(Invalid, match="'text' is missing"):
        named("{name}").run(None, {{}})  # type: ignore[arg-type]
'''


def scaffold_transform(name: str, root: Path) -> list[Path]:
    """Write the module and the test of a new transform below `root`; the two paths.

    `family.name` is its name as it stands; a word alone becomes own.word. Conflict when one of the files is there,
    Invalid for what makes no name.
    """
    words = [re.sub(r"[^a-z0-9]+", "_", part.strip().lower()).strip("_") for part in name.split(".")]
    if len(words) == 1:
        words = ["own", *words]
    if len(words) != 2 or not all(re.fullmatch(r"[a-z][a-z0-9_]{0,39}", word) for word in words):
        raise Invalid(f"{name[:60]!r} cannot be a transform's name.", hint="Write one such as text.shout.")
    file = "_".join(words)
    module = root / "ionflux_core" / "transforms" / f"{file}.py"
    test = root / "tests" / "transforms" / f"test_{file}.py"
    if module.exists() or test.exists():
        raise Conflict(f"There is already a transform {'.'.join(words)!r}.", hint="Choose another name.")
    function = f"{words[1]}_" if keyword.iskeyword(words[1]) else words[1]
    about = {"name": ".".join(words), "function": function, "title": words[1].replace("_", " ").capitalize()}
    for path, text in ((module, _CODE), (test, _TEST)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(**about), encoding="utf-8")
    return [module, test]
