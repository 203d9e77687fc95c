"""The catalog: broken folders, names, code loaded late and by path, and who is trusted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ionflux_core.catalog.loader import Catalog
from ionflux_core.errors import Forbidden, Invalid, NotFound, Unavailable
from tests.core.test_manifest import AGENTS

MANIFEST = """\
slug: {slug}
id: agent_{slug}
aliases: [The {slug}]
name: {slug}
version: '1.0'
outputs: [{{key: o, type: json}}]
"""


@pytest.fixture(autouse=True)
def forget_agents() -> None:
    for name in [name for name in sys.modules if name.startswith("ionflux_agents.t_")]:
        del sys.modules[name]


def agent(root: Path, slug: str, code: str | None = "def run(ctx, inputs):\n    return {}\n", **files: str) -> Path:
    place = root / slug
    place.mkdir(parents=True)
    (place / "agent.yaml").write_text(MANIFEST.format(slug=slug))
    if code is not None:
        (place / "agent.py").write_text(code)
    for name, text in files.items():
        (place / f"{name.replace('_yaml', '')}{'.yaml' if name.endswith('_yaml') else '.py'}").write_text(text)
    return place


def test_ten_agents_are_found_under_every_name() -> None:
    catalog = Catalog([AGENTS])
    assert catalog.problems == ()
    assert len([each for each in catalog.definitions() if each.listed]) == 10
    for name in ("sales_sentinel", "agent_004_refactored", "agent_004", "SHOPIFY SALES SENTINEL V2"):
        assert catalog.definition(name).slug == "sales_sentinel"
    assert catalog.definition("SlackBriefButler").name == "Communication Clarity Butler"
    with pytest.raises(NotFound):
        catalog.definition("agent_011")


def test_broken_manifest_takes_out_its_own_folder_only(tmp_path: Path) -> None:
    root = tmp_path / "agents"
    agent(root, "t_good")
    (agent(root, "t_bad") / "agent.yaml").write_text("slug: t_bad\nid: [\n")
    (root / "notes").mkdir()
    catalog = Catalog([root, tmp_path / "absent"])
    assert [definition.slug for definition in catalog.definitions()] == ["t_good"]
    assert [(broken.folder.name, broken.problems[0].line) for broken in catalog.problems] == [("t_bad", 3)]


def test_second_agent_with_a_taken_name_is_a_problem(tmp_path: Path) -> None:
    agent(tmp_path / "agents", "t_one")
    other = agent(tmp_path / "packages", "t_two")
    (other / "agent.yaml").write_text(MANIFEST.format(slug="t_two").replace("The t_two", "AGENT_T_ONE"))
    catalog = Catalog([tmp_path / "agents", tmp_path / "packages"])
    assert catalog.definition("agent_t_one").slug == "t_one"
    assert "another agent's name" in catalog.problems[0].message


def test_manifests_are_read_without_running_code(tmp_path: Path) -> None:
    agent(tmp_path / "agents", "t_loud", code="raise RuntimeError('ran')")
    catalog = Catalog([tmp_path / "agents"])
    assert not catalog.definition("t_loud").planned
    with pytest.raises(RuntimeError, match="ran"):
        catalog.code("t_loud")
    assert "ionflux_agents.t_loud" not in sys.modules


def test_code_imports_the_files_beside_it(tmp_path: Path) -> None:
    code = (
        "from . import parts\nfrom .parts import twice\n\ndef run(ctx, inputs):\n    return {'o': twice(parts.ONE)}\n"
    )
    agent(tmp_path / "agents", "t_parts", code=code, parts="ONE = 1\n\ndef twice(n):\n    return 2 * n\n")
    loaded = Catalog([tmp_path / "agents"]).code("agent_t_parts")
    assert loaded.run(None, {}) == {"o": 2}
    assert loaded.module.__name__ == "ionflux_agents.t_parts"


def test_same_slug_in_another_place_is_loaded_anew(tmp_path: Path) -> None:
    for name in ("a", "b"):
        code = "from .parts import NAME\n\ndef run(ctx, inputs):\n    return {'o': NAME}\n"
        agent(tmp_path / name / "agents", "t_same", code=code, parts=f"NAME = {name!r}\n")
    assert [Catalog([tmp_path / n / "agents"]).code("t_same").run(None, {})["o"] for n in "ab"] == ["a", "b"]


def test_planned_agent_cannot_be_started(tmp_path: Path) -> None:
    agent(tmp_path / "agents", "t_plan", code=None)
    catalog = Catalog([tmp_path / "agents"])
    assert catalog.definition("t_plan").planned
    with pytest.raises(Unavailable, match="planned"):
        catalog.code("t_plan")


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("def start(ctx, inputs): ...\n", Invalid, r"no function run\(ctx, inputs\)"),
        ("def run(ctx): ...\n", Invalid, r"no function run\(ctx, inputs\)"),
        ("run = 5\n", Invalid, "no function run"),
        ("def run(ctx, inputs)\n", Invalid, "not valid Python"),
        ("import no_such_package_at_all\n", Unavailable, "no_such_package_at_all"),
    ],
)
def test_code_that_cannot_be_used_is_explained(tmp_path: Path, code: str, error: type[Exception], words: str) -> None:
    agent(tmp_path / "agents", "t_odd", code=code)
    with pytest.raises(error, match=words):
        Catalog([tmp_path / "agents"]).code("t_odd")


def test_code_outside_the_trusted_folder_is_never_imported(tmp_path: Path) -> None:
    loud = "raise RuntimeError('ran')"
    agent(tmp_path / "packages", "t_far", code=loud)
    agent(tmp_path / "packages" / "agents", "t_fake", code=loud)
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "t_link").symlink_to(agent(tmp_path / "elsewhere", "t_link", code=loud))
    catalog = Catalog([tmp_path / "agents", tmp_path / "packages", tmp_path / "packages" / "agents"])
    for slug in ("t_far", "t_fake", "t_link"):
        assert catalog.definition(slug).slug == slug
        with pytest.raises(Forbidden, match="not among the trusted"):
            catalog.code(slug)
    with pytest.raises(Forbidden):
        Catalog([tmp_path / "packages"]).code("t_far")


def test_sample_is_read_with_numbers(tmp_path: Path) -> None:
    agent(tmp_path / "agents", "t_sample", sample_yaml="inputs: {price: 19.90}\nexpect: {status: success}\n")
    agent(tmp_path / "agents", "t_none")
    agent(tmp_path / "agents", "t_wrong", sample_yaml="inputs: [1]\n")
    catalog = Catalog([tmp_path / "agents"])
    sample = catalog.sample("t_sample")
    assert sample is not None
    assert sample["inputs"] == {"price": 19.9}
    assert catalog.sample("t_none") is None
    with pytest.raises(Invalid, match="no map with inputs"):
        catalog.sample("t_wrong")


def test_reload_sees_a_new_folder(tmp_path: Path) -> None:
    agent(tmp_path / "agents", "t_one")
    catalog = Catalog([tmp_path / "agents"])
    agent(tmp_path / "agents", "t_two")
    catalog.reload()
    assert len(catalog.definitions()) == 2
