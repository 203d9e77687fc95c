"""The marketplace as a person meets it: finding an agent, reading about it, trying it, and agents not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application, set_current
from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.runs import RunFilter
from ionflux_ui.marketplace_list import Wanted, narrowed
from ionflux_ui.plain import escaped
from tests.pages.shown import ROOT, drawn, open_page
from tests.pages.shown import plain_words as words


def shown(app: Application, **parameters: str) -> AppTest:
    set_current(app)
    return open_page("marketplace", **parameters)


def cards(test: AppTest) -> list[dict[str, Any]]:
    """The cards of the list."""
    (board,) = drawn(test)
    return list(board["cards"])


@pytest.fixture
def shop(make_application) -> Application:  # type: ignore[no-untyped-def]
    """The ten agents of this repository, in an empty workspace."""
    app: Application = make_application(agents_dir=ROOT / "agents").start()
    app.workspaces.create("Test")
    return app


def test_every_agent_has_a_card_and_planned_ones_cannot_be_used(shop: Application) -> None:
    shown_cards = cards(shown(shop))
    definitions = shop.marketplace.offered()
    assert {card["name"] for card in shown_cards} == {each.name for each in definitions}
    assert {card["slug"] for card in shown_cards if card["usable"]} == {e.slug for e in definitions if not e.planned}
    planned = next(card for card in shown_cards if not card["usable"])
    assert planned["state"][0]["text"].startswith("Planned")


def test_a_card_says_what_its_agent_is(shop: Application) -> None:
    definition = shop.marketplace.definition("revenue_tracker")
    card = next(card for card in cards(shown(shop, q="margin")) if card["slug"] == "revenue_tracker")
    story = definition.narrative
    assert (card["version"], card["epithet"], card["tagline"]) == (definition.version, story.epithet, story.tagline)
    assert card["introduction"][:40] == str(story.introduction)[:40]
    assert story.capabilities[0].split(":")[0] in card["can"]
    assert {"Shopify", *definition.tags} <= {badge["text"] for badge in card["about"]}
    assert card["address"] == "?q=margin&agent=revenue_tracker"


def test_filters_narrow_the_list_and_stay_in_the_address(shop: Application) -> None:
    test = shown(shop, tag="Finance", ready="1")
    assert "1 agent, 1 ready to start" in words(test)
    test.text_input(key="market_q").set_value("no such agent anywhere").run()
    assert "No agent has all of that" in words(test)
    assert test.query_params["q"] == "no such agent anywhere"
    assert test.query_params["tag"] == "Finance"
    next(button for button in test.button if button.label == "Clear the filters").click().run()
    assert f"{len(shop.marketplace.offered())} agents" in words(test)
    assert "q" not in test.query_params and "tag" not in test.query_params


def test_a_filter_no_agent_has_is_dropped(shop: Application) -> None:
    test = shown(shop, tag="Nonsense,Finance", service="<script>", q="x" * 500)
    assert not test.exception
    assert test.multiselect(key="market_tag").value == ["Finance"]
    assert len(test.text_input(key="market_q").value) == 80


def test_every_agent_can_be_read(shop: Application) -> None:
    test = shown(shop)
    for definition in shop.marketplace.definitions():
        test.query_params["agent"] = definition.slug
        test.run()
        assert not test.exception, definition.slug
        said = words(test)
        assert definition.name in said
        assert str(definition.narrative.introduction).split("\n")[0].strip() in said


def test_a_detail_tells_inputs_triggers_figures_and_limits(shop: Application) -> None:
    definition = shop.marketplace.definition("revenue_tracker")
    ports = words(shown(shop, agent="revenue_tracker", part="Inputs and outputs"))
    for port in (*definition.inputs, *definition.outputs):
        assert f"`{port.key}`" in ports
    triggers = words(shown(shop, agent="revenue_tracker", part="Triggers"))
    assert "times may be changed" in triggers and "settings are fixed" in triggers
    figures = words(shown(shop, agent="revenue_tracker", part="Figures"))
    assert all(kpi.title in figures and kpi.description.strip() in figures for kpi in definition.kpis)
    assert "3 failed runs in a row" in words(shown(shop, agent="revenue_tracker", part="Limits and memory"))


def test_a_narrative_in_another_language_stays_as_it_is(shop: Application) -> None:
    assert "FATURAMENTO É VAIDADE, LUCRO É SANIDADE..." in words(shown(shop, agent="revenue_tracker"))


def test_trying_an_agent_starts_a_dry_run_with_its_sample(shop: Application) -> None:
    test = shown(shop, agent="revenue_tracker")
    next(button for button in test.button if button.label == "Try it with sample inputs").click().run()
    workspace = shop.workspaces.all()[0].id
    [run] = shop.runs.find(workspace, RunFilter(definition_slug="revenue_tracker")).runs
    assert run.dry_run
    assert shop.runs.get(workspace, run.id).inputs["reporting_currency"] == "BRL"
    assert shop.runs.wait(workspace, run.id, timeout=20).status == "success"
    assert test.query_params["run"] == run.id


def test_using_an_agent_opens_its_configuration(shop: Application) -> None:
    test = shown(shop, agent="revenue_tracker")
    test.button(key="use").click().run()
    assert test.query_params["new"] == "revenue_tracker"


def test_a_planned_agent_has_no_buttons(shop: Application) -> None:
    planned = next(each for each in shop.marketplace.definitions() if each.planned)
    test = shown(shop, agent=planned.slug)
    assert "is planned" in words(test)
    assert [button.label for button in test.button if button.label != "All agents"] == []


def test_an_unknown_agent_gets_a_sentence_and_the_way_back(shop: Application) -> None:
    test = shown(shop, agent="nobody")
    assert not test.exception
    assert "There is no agent 'nobody'." in words(test)
    assert "All agents" in [button.label for button in test.button]


def test_a_broken_folder_is_named_with_its_problem(make_application, agents_dir: Path) -> None:  # type: ignore[no-untyped-def]
    (agents_dir / "torn").mkdir()
    (agents_dir / "torn" / "agent.yaml").write_text("slug: torn\nname: [open\n", encoding="utf-8")
    said = words(shown(make_application()))
    assert "1 agent folder cannot be used" in said
    assert "torn" in said and "line 3" in said
    assert "1 agent, 1 ready to start" in said


def test_markup_in_a_manifest_is_shown_as_text(make_application, make_agent) -> None:  # type: ignore[no-untyped-def]
    place = make_agent("marked", "def run(ctx, inputs):\n    return {}\n")
    text = (place / "agent.yaml").read_text(encoding="utf-8")
    hostile = "'![spy](http://evil.example/x.png) <b>bold</b> :red[x]'"
    (place / "agent.yaml").write_text(text.replace("tagline: For a test.", f"tagline: {hostile}"), encoding="utf-8")
    test = shown(make_application(), agent="marked")
    assert not test.exception
    raw = "\n".join(str(part.value) for part in [*test.markdown, *test.caption])
    assert "![spy](" not in raw and "<b>" not in raw and "://evil" not in raw


def test_words_narrow_across_name_capability_and_service() -> None:
    outputs = [{"key": "a", "type": "json"}]
    mail = AgentDefinition.model_validate(
        {"slug": "mail", "id": "a1", "name": "Mail", "version": "1.0", "outputs": outputs, "planned": True,
         "services": ["Email_Dispatch"], "narrative": {"capabilities": ["Hyper-Segment"]}}
    )  # fmt: skip
    count = AgentDefinition.model_validate(
        {"slug": "count", "id": "a2", "name": "Count", "version": "1.0", "outputs": outputs, "tags": ["Finance"]}
    )
    assert narrowed([mail, count], Wanted()) == [count, mail]
    assert narrowed([mail, count], Wanted(words="hyper DISPATCH")) == [mail]
    assert narrowed([mail, count], Wanted(tags=frozenset({"Finance"}))) == [count]
    assert narrowed([mail, count], Wanted(services=frozenset({"Email_Dispatch"}), ready_only=True)) == []


def test_escaping_leaves_nothing_to_render() -> None:
    assert escaped("**a**\nb") == r"\*\*a\*\* b"
    assert "://" not in escaped("https://evil.example").replace("\\", "")
