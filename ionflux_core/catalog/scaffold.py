"""A new agent's folder: a manifest, a small agent that really works, and a sample that passes the contract test."""

from __future__ import annotations

import re
from pathlib import Path

from ionflux_core.errors import Conflict, Invalid
from ionflux_core.yaml_text import inline

_MANIFEST = """\
slug: {slug}
id: {id}
name: {title}
version: "0.1.0"
status: experimental

narrative:
  tagline: Say in one line what this agent is good for
  introduction: >-
    Say in a few lines what goes in, what it does with it, and what comes out. This example counts the words of a text.

triggers:
  - key: manual_run
    type: manual
    description: A person starts it with a form.
    config: {{form: true}}

inputs:
  - key: text
    type: string
    required: true
    runtime_promptable: true
    description: The text to count.
    example: Count the words of this text.

outputs:
  - key: report
    type: json
    description: Words, sentences and words per sentence, with the engine that counted them.

stack:
  language: python
  runtime: Plain Python inside IONFLUX

tags: [Example]

kpis:
  - {{name: words, title: Words, unit: count, direction: none, description: Words in the text.}}

limits:
  timeout_seconds: 60
  breaker: 3

permissions: ["effects: none"]
"""

_CODE = '''\
"""{title}: counts the words of a text."""

from __future__ import annotations

import re
from typing import Any

from ionflux_core.sdk import Context, not_computed


def run(ctx: Context, inputs: dict[str, Any]) -> dict[str, Any]:
    """Count the words and sentences of `text` and report them."""
    report = ctx.step("count", count, inputs["text"])
    ctx.kpi("words", report["words"], unit="count")
    ctx.log("The text was counted.", words=report["words"])
    return {{"report": report}}


def count(text: str) -> dict[str, Any]:
    """Words, sentences and words per sentence of a text."""
    words = len(re.findall(r"\\w+", text))
    sentences = len([part for part in re.split(r"[.!?]+", text) if part.strip()])
    return {{
        "words": words,
        "sentences": sentences,
        "words_per_sentence": round(words / sentences, 2) if sentences else not_computed("The text has no sentence."),
        "engine": {{"kind": "local", "name": "{slug}", "version": "0.1.0", "seed": None}},
    }}
'''

_SAMPLE = """\
inputs:
  text: Count the words of this text. Then count again.

expect:
  status: success
  outputs:
    report:
      words: 9
      sentences: 2
      words_per_sentence: 4.5
      engine: {{kind: local, name: {slug}, version: "0.1.0", seed: null}}
"""


def scaffold(name: str, folder: Path, kind: str = "code") -> list[Path]:
    """Write agent.yaml, agent.py and sample.yaml of a new agent below `folder`; the three paths.

    The name becomes the slug: My Agent is written to my_agent. Conflict when that folder exists, Invalid for a name
    that makes no slug or a kind other than code.
    """
    if kind != "code":
        raise Invalid(f"Agents of kind {kind[:30]!r} cannot be made yet.", hint="Use the kind code.")
    slug = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,59}", slug):
        raise Invalid(f"{name[:60]!r} cannot be an agent's name.", hint="Start with a letter; use letters and digits.")
    place = folder / slug
    if place.exists():
        raise Conflict(f"There is already an agent {slug!r}.", hint="Choose another name.")
    words = {"slug": slug, "id": f"agent_{slug}", "title": slug.replace("_", " ").title()}
    files = {
        place / "agent.yaml": _MANIFEST.format(**{key: inline(word) for key, word in words.items()}),
        place / "agent.py": _CODE.format(**words),
        place / "sample.yaml": _SAMPLE.format(slug=inline(slug)),
    }
    place.mkdir(parents=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)
