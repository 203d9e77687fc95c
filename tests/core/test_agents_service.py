"""Instances: created, saved in versions, refused when wrong, and only in their own workspace."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core import ids
from ionflux_core.errors import Conflict, Invalid, NotFound
from tests.agents_for_tests.world import World, small_world, together, world

__all__ = ["small_world", "world"]

INPUT = "inputs:\n  value: {number}\n"


def _world(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": inputs.get("value")})
    assert world.app


def test_an_instance_is_made_from_the_prefilled_text_and_found_by_name_or_id(world: World) -> None:
    _world(world)
    one = world.instance("probe", "  My probe ")
    assert (one.name, one.version, one.status) == ("My probe", 1, "active")
    assert world.app.agents.check(world.workspace, "probe", one.yaml) == []
    for target in (one.id, "My probe", "my PROBE"):
        resolved = world.app.agents.resolve(world.workspace, target)
        assert resolved.instance is not None and resolved.instance.id == one.id
    for taken in ("My probe", "MY PROBE", " my probe"):
        with pytest.raises(Conflict, match="already"):
            world.instance("probe", taken)
    for bad in ("", " ", "x" * 121, "a\nb"):
        with pytest.raises(Invalid):
            world.instance("probe", bad)
    with pytest.raises(NotFound):
        world.app.agents.create(world.workspace, "nobody", "x")


@pytest.mark.parametrize("name", ["one", "über alles"], ids=["ascii", "umlaut"])
def test_of_people_who_make_one_name_at_once_one_wins_whatever_the_case(world: World, name: str) -> None:
    _world(world)
    spelled = [name, name.upper(), name.title(), name.capitalize(), name, name.upper()]
    answers = together(len(spelled), lambda n: world.instance("probe", spelled[n]))
    refused = [answer for answer in answers if isinstance(answer, Conflict)]
    assert len(refused) == len(spelled) - 1, answers
    (kept,) = world.app.agents.find(world.workspace)
    assert kept in answers
    with pytest.raises(Conflict, match="already"):
        world.app.agents.rename(world.workspace, world.instance("probe", "other").id, name.upper())
    assert world.app.agents.rename(world.workspace, kept.id, name.upper()).name == name.upper()
    assert world.app.agents.resolve(world.workspace, name.lower()).instance == world.app.agents.get(
        world.workspace, kept.id
    )


def test_of_people_who_rename_to_one_name_at_once_one_wins(world: World) -> None:
    world.agent("probe", lambda ctx, inputs: {"result": 1})
    made = [world.instance("probe", f"agent {number}").id for number in range(6)]
    names = ["The one", "THE ONE"] * 3
    answers = together(6, lambda n: world.app.agents.rename(world.workspace, made[n], names[n]))
    assert sum(isinstance(answer, Conflict) for answer in answers) == 5


def test_every_save_is_a_version_and_the_same_text_is_none(world: World) -> None:
    _world(world)
    one = world.instance("probe", yaml=INPUT.format(number=1))
    save = world.app.agents.save
    assert save(world.workspace, one.id, INPUT.format(number=1)).version == 1
    assert save(world.workspace, one.id, INPUT.format(number=2), message="two", by="Ana").version == 2
    assert world.run("one").outputs == {"result": 2}
    back = world.app.agents.restore(world.workspace, one.id, 1)
    assert (back.version, back.yaml) == (3, INPUT.format(number=1))
    saved = world.app.agents.versions(world.workspace, one.id)
    assert [(v.version, v.author, v.message) for v in saved] == [
        (3, None, "restored version 1"),
        (2, "Ana", "two"),
        (1, None, "created"),
    ]
    with pytest.raises(NotFound):
        world.app.agents.restore(world.workspace, one.id, 9)


def test_of_people_who_save_at_once_one_wins_and_nothing_is_lost(world: World) -> None:
    _world(world)
    one = world.instance("probe", yaml=INPUT.format(number=0))
    answers = together(
        5,
        lambda n: world.app.agents.save(world.workspace, one.id, INPUT.format(number=n + 1), expected_version=1),
    )
    kept = [answer for answer in answers if not isinstance(answer, Exception)]
    assert len(kept) == 1
    assert {error.code for error in answers if isinstance(error, Conflict)} == {"stale_version"}
    assert len(world.app.agents.versions(world.workspace, one.id)) == 2


@pytest.mark.parametrize(
    "yaml",
    [
        "inputs: [",
        "inputs: {valeu: 1}",
        "inputs:\n  value: 1\n  value: 2\n",
        "!!python/object/apply:os.system [ls]",
        "- a",
        "x" * 300_000,
    ],
    ids=["broken", "unknown", "twice", "tag", "list", "long"],
)
def test_a_wrong_text_is_refused_with_its_place_and_saves_nothing(small_world: World, yaml: str) -> None:
    world = small_world
    _world(world)
    one = world.instance("probe")
    problems = world.app.agents.check(world.workspace, "probe", yaml)
    assert problems and all(problem.message for problem in problems)
    with pytest.raises(Invalid):
        world.app.agents.save(world.workspace, one.id, yaml)
    assert world.app.agents.get(world.workspace, one.id).version == 1
    assert len(world.rows("agent_configuration_versions")) == 1


def test_a_text_with_a_secret_is_refused_by_its_line(small_world: World) -> None:
    world = small_world
    _world(world)
    world.app.secrets.put(world.workspace, "token", "hidden-value-4711")
    for line in ("value: hidden-value-4711", "value: shpat_0123456789abcdef0123456789abcdef"):
        with pytest.raises(Invalid) as caught:
            world.instance("probe", yaml=f"inputs:\n  {line}\n")
        assert caught.value.code == "secret_in_text" and caught.value.problems[0].line == 2
        assert "4711" not in str(caught.value)


def test_an_instance_is_renamed_forked_switched_off_and_archived(world: World) -> None:
    _world(world)
    one = world.instance("probe", "one", yaml=INPUT.format(number=5))
    world.instance("probe", "two")
    agents = world.app.agents
    with pytest.raises(Conflict):
        agents.rename(world.workspace, one.id, "TWO")
    assert agents.rename(world.workspace, one.id, "first", description="The first.").description == "The first."
    copy = agents.fork(world.workspace, one.id, "copy")
    assert copy.yaml == one.yaml and copy.id != one.id
    agents.set_status(world.workspace, copy.id, "archived")
    assert [i.name for i in agents.find(world.workspace)] == ["first", "two"]
    assert [i.name for i in agents.find(world.workspace, archived=True)] == ["copy", "first", "two"]
    with pytest.raises(Conflict, match="archived"):
        world.start("copy")
    agents.set_status(world.workspace, copy.id, "active")
    assert world.run("copy").outputs == {"result": 5}


def test_why_a_value_is_what_it_is(world: World) -> None:
    _world(world)
    world.app.workspaces.save_settings(world.workspace, {"inputs": {"probe": {"value": 1}}})
    brand = world.app.workspaces.add_brand(world.workspace, {"name": "Eco", "inputs": {"probe": {"value": 2}}})
    plain = world.instance("probe", "plain", yaml="inputs: {}\n")
    branded = world.instance("probe", "branded", yaml="inputs: {}\n", brand_id=brand.id)
    own = world.instance("probe", "own", yaml=INPUT.format(number=3), brand_id=brand.id)
    explain = world.app.agents.explain
    found = [explain(world.workspace, instance.id) for instance in (plain, branded, own)]
    assert [effective.inputs["value"] for effective in found] == [1, 2, 3]
    assert [effective.origins["inputs.value"] for effective in found] == ["workspace", "brand", "instance"]
    run = world.run("own", 4)
    assert (run.outputs, run.config["origins"]["inputs.value"], run.brand_id) == ({"result": 4}, "run", brand.id)


def test_instances_of_another_workspace_are_not_there(world: World) -> None:
    _world(world)
    one = world.instance("probe")
    agents, other = world.app.agents, world.app.workspaces.create("Other").id
    calls: list[Any] = [
        lambda: agents.get(other, one.id),
        lambda: agents.resolve(other, one.id),
        lambda: agents.resolve(other, "one"),
        lambda: agents.explain(other, one.id),
        lambda: agents.save(other, one.id, INPUT.format(number=1)),
        lambda: agents.rename(other, one.id, "mine"),
        lambda: agents.set_status(other, one.id, "archived"),
        lambda: agents.fork(other, one.id, "mine"),
        lambda: agents.versions(other, one.id),
        lambda: agents.restore(other, one.id, 1),
        lambda: agents.get(world.workspace, ids.new_id()),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert agents.get(world.workspace, one.id) == one and agents.find(other) == []
