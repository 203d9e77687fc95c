"""A scaffolded agent is a real agent: its manifest loads, its code runs, its sample comes true."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.catalog.configuration import parse_configuration, prefill
from ionflux_core.catalog.loader import Catalog
from ionflux_core.catalog.scaffold import scaffold
from ionflux_core.errors import Conflict, Invalid


class Recorder:
    """The parts of the Context that the scaffold uses."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.kpis: dict[str, float] = {}

    def step(self, name: str, fn: Any, /, *args: Any) -> Any:
        self.steps.append(name)
        return fn(*args)

    def kpi(self, name: str, value: float, *, unit: str = "") -> None:
        self.kpis[name] = value

    def log(self, message: str, **fields: Any) -> None:
        pass


@pytest.mark.parametrize("name", ["word_counter", "My Agent", "null", "no", "class"])
def test_scaffold_does_what_its_sample_says(tmp_path: Path, name: str) -> None:
    paths = scaffold(name, tmp_path / "agents")
    assert [path.name for path in paths] == ["agent.yaml", "agent.py", "sample.yaml"]
    catalog = Catalog([tmp_path / "agents"])
    assert catalog.problems == ()
    slug = paths[0].parent.name
    definition = catalog.definition(slug)
    assert not definition.planned
    parse_configuration(prefill(definition), definition)
    sample = catalog.sample(slug)
    assert sample is not None
    recorder = Recorder()
    outputs = catalog.code(slug).run(recorder, sample["inputs"])
    assert outputs == sample["expect"]["outputs"]
    assert recorder.steps == ["count"]
    assert set(recorder.kpis) == {kpi.name for kpi in definition.kpis}
    del sys.modules[f"ionflux_agents.{slug}"]


def test_scaffold_says_what_it_cannot_compute(tmp_path: Path) -> None:
    scaffold("counter", tmp_path / "agents")
    report = Catalog([tmp_path / "agents"]).code("counter").run(Recorder(), {"text": ""})["report"]
    assert report["words"] == 0
    assert "not_computed" in report["words_per_sentence"]


@pytest.mark.parametrize("name", ["", "1st", "äöü", "_", "x" * 90])
def test_bad_name_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        scaffold(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    assert scaffold("../up", tmp_path)[0].parent == tmp_path / "up"


def test_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (first, *_) = scaffold("twice", tmp_path)
    first.write_text("mine")
    with pytest.raises(Conflict):
        scaffold("twice", tmp_path)
    assert first.read_text() == "mine"


def test_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="flow"):
        scaffold("x_agent", tmp_path, kind="flow")
