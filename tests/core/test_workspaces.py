"""Workspaces, brands and creators: named once, checked before they are saved, apart from each other."""

from __future__ import annotations

import pytest

from ionflux_core import ids
from ionflux_core.errors import Conflict, Invalid, NotFound
from tests.agents_for_tests.world import World, small_world, together, world

__all__ = ["small_world", "world"]


def test_there_is_one_local_owner_however_many_ask_first(world: World) -> None:
    assert world.app
    assert len({user.id for user in together(6, lambda n: world.app.workspaces.owner())}) == 1


def test_a_workspace_is_created_named_and_put_away(world: World) -> None:
    service = world.app.workspaces
    assert [workspace.name for workspace in service.all()] == ["Test"]
    with pytest.raises(Conflict, match="last workspace"):
        service.archive(world.workspace)
    second = service.create(" Second ")
    assert second.name == "Second"
    with pytest.raises(Conflict):
        service.create("second")
    assert service.rename(second.id, "Renamed").name == "Renamed"
    service.archive(second.id)
    assert [workspace.name for workspace in service.all()] == ["Test"]
    with pytest.raises(NotFound):
        service.get(ids.new_id())


def test_settings_are_merged_checked_and_seen_at_once(world: World) -> None:
    service = world.app.workspaces
    saved = service.save_settings(world.workspace, {"default_model": {"model": "other"}, "timezone": "Europe/Lisbon"})
    assert (saved.settings.default_model.provider, saved.settings.default_model.model) == ("local", "other")
    assert service.get(world.workspace).settings.timezone == "Europe/Lisbon"
    for wrong in ({"timezone": "Mars/North"}, {"currency": "euro"}, {"max_parallel_runs": 0}, {"unknown": 1}):
        with pytest.raises(Invalid) as caught:
            service.save_settings(world.workspace, wrong)
        assert caught.value.problems[0].path
    assert service.get(world.workspace).settings.timezone == "Europe/Lisbon"


def test_what_another_process_saved_is_seen_soon(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ionflux_core.services.workspaces._CACHE_SECONDS", 0.0)
    other = small_world.application(workers=0)
    other.workspaces.save_settings(small_world.workspace, {"currency": "BRL"})
    assert small_world.app.workspaces.get(small_world.workspace).settings.currency == "BRL"


def test_brands_are_saved_archived_and_unique_in_their_workspace(world: World) -> None:
    service = world.app.workspaces
    brand = service.add_brand(world.workspace, {"name": "Eco", "voice": "calm", "visual": {"palette": ["#3b4cca"]}})
    assert service.brand(world.workspace, brand.id).voice == "calm"
    with pytest.raises(Conflict):
        service.add_brand(world.workspace, {"name": "Eco"})
    service.add_brand(world.workspace, {"name": "Other"})
    with pytest.raises(Conflict):
        service.save_brand(world.workspace, brand.id, {"name": "Other"})
    with pytest.raises(Invalid, match="hex colour"):
        service.add_brand(world.workspace, {"name": "Bad", "visual": {"palette": ["blue"]}})
    assert service.save_brand(world.workspace, brand.id, {"name": "Eco", "voice": "loud"}).voice == "loud"
    service.set_brand_status(world.workspace, brand.id, "archived")
    assert [b.name for b in service.brands(world.workspace)] == ["Other"]
    elsewhere = service.create("Elsewhere").id
    assert service.brand_or_none(elsewhere, brand.id) is None
    for call in (
        lambda: service.brand(elsewhere, brand.id),
        lambda: service.save_brand(elsewhere, brand.id, {"name": "Mine"}),
        lambda: service.set_brand_status(elsewhere, brand.id, "active"),
    ):
        with pytest.raises(NotFound):
            call()


def test_creators_are_saved_and_archived(world: World) -> None:
    service = world.app.workspaces
    creator = service.add_creator(world.workspace, {"name": "Lia", "niche_tags": ["linen"]})
    with pytest.raises(Conflict):
        service.add_creator(world.workspace, {"name": "Lia"})
    service.save_creator(world.workspace, creator.id, {"name": "Lia", "bio": "weaves"})
    assert service.creators(world.workspace)[0].bio == "weaves"
    service.set_creator_status(world.workspace, creator.id, "archived")
    assert service.creators(world.workspace) == []
    assert len(service.creators(world.workspace, archived=True)) == 1
    with pytest.raises(NotFound):
        service.save_creator(service.create("Elsewhere").id, creator.id, {"name": "Mine"})


def test_the_second_of_two_who_save_a_profile_is_told(world: World) -> None:
    service = world.app.workspaces
    brand = service.add_brand(world.workspace, {"name": "Eco"}, by="ana")
    mine = service.save_brand(world.workspace, brand.id, {"name": "Eco", "voice": "Calm."}, expected=brand.updated_at)
    with pytest.raises(Conflict) as caught:
        service.save_brand(world.workspace, brand.id, {"name": "Eco", "voice": "Loud."}, expected=brand.updated_at)
    assert caught.value.code == "edited_elsewhere"
    assert service.brand(world.workspace, brand.id).voice == "Calm."
    over = service.save_brand(
        world.workspace, brand.id, {"name": "Eco", "voice": "Loud."}, expected=mine.updated_at, by="ben"
    )
    assert over.voice == "Loud."
    creator = service.add_creator(world.workspace, {"name": "Lia"})
    service.save_creator(world.workspace, creator.id, {"name": "Lia", "bio": "weaves"}, expected=creator.updated_at)
    with pytest.raises(Conflict):
        service.save_creator(world.workspace, creator.id, {"name": "Lia"}, expected=creator.updated_at)


def test_a_profile_keeps_who_changed_what(world: World) -> None:
    service = world.app.workspaces
    brand = service.add_brand(world.workspace, {"name": "Eco"}, by="ana")
    service.save_brand(
        world.workspace, brand.id, {"name": "Eco", "voice_do": ["Be brief"], "voice": "x" * 999}, by="ben"
    )
    service.save_brand(
        world.workspace, brand.id, {"name": "Eco", "voice_do": ["Be brief"], "voice": "x" * 999}, by="ben"
    )
    service.set_brand_status(world.workspace, brand.id, "archived", by="cleo")
    told = service.profile_history(world.workspace, brand.id)
    assert [(each.who, each.action) for each in told] == [("cleo", "archived"), ("ben", "saved"), ("ana", "created")]
    assert told[1].changed["voice_do"] == ("", '["Be brief"]')
    assert len(told[1].changed["voice"][1]) == 300
    assert service.profile_history(world.workspace, brand.id, before=told[1].seq)[0].action == "created"
    assert service.profile_history(service.create("Elsewhere").id, brand.id) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"shopify": {"secret": "shpat_this-is-a-token"}},
        {"forbidden_words": [""]},
        {"forbidden_words": ["x"] * 201},
        {"visual": {"logo_file": {"sha256": "../../etc/passwd"}}},
        {"visual": {"palette": ["#12345"]}},
        {"visual": {"palette": ["#123456\n"]}},
    ],
)
def test_a_profile_that_breaks_a_rule_is_refused(small_world: World, broken: dict[str, object]) -> None:
    with pytest.raises(Invalid) as caught:
        small_world.app.workspaces.add_brand(small_world.workspace, {"name": "Eco", **broken})
    assert "this-is-a-token" not in str(caught.value)


def test_forbidden_words_are_found_as_whole_words(small_world: World) -> None:
    words = ["cheap", "game-changing", "best in class", "100 %"]
    brand = small_world.app.workspaces.add_brand(small_world.workspace, {"name": "Eco", "forbidden_words": words})
    assert brand.forbidden_in("Cheaper, and a GAME-CHANGING shirt; best in class!") == [
        "game-changing",
        "best in class",
    ]
    assert brand.forbidden_in("100 % linen") == ["100 %"]
    assert brand.forbidden_in("plain") == []
