"""What a person does on the board of a page, one function for each deed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from ionflux_core.domain.canvas import Place
from ionflux_core.errors import Conflict, Invalid
from ionflux_core.limits import NAME_CHARS
from ionflux_ui.canvas_board import Did
from ionflux_ui.canvas_desk import author
from ionflux_ui.session import application

_NAMES_TRIED: Final = 20


def deeds_on(workspace_id: str, page_id: str) -> Callable[[Did], None]:
    """What does a deed on this page; what cannot be done is raised."""

    def act(did: Did) -> None:
        deed = _DEEDS.get(did.action)
        if deed is None:
            raise Invalid(f"A page cannot do {did.action[:40]!r}.", hint="Reload the page.")
        deed(workspace_id, page_id, did)

    return act


def _place(workspace_id: str, page_id: str, did: Did) -> None:
    wanted = did.detail.get("places")
    places = {str(key): _checked_place(value) for key, value in (wanted if isinstance(wanted, dict) else {}).items()}
    application().canvas.place_blocks(workspace_id, page_id, places, by=author())


def _checked_place(value: Any) -> Place:
    try:
        return Place.model_validate(value)
    except ValidationError as error:
        raise Invalid("A block cannot lie there.", hint="Choose a place on the grid.") from error


def _add(workspace_id: str, page_id: str, did: Did) -> None:
    content, wanted, slug = did.detail.get("content"), did.detail.get("place"), did.detail.get("definition")
    place = None if wanted is None else _checked_place(wanted)
    if isinstance(slug, str):
        content = {"agent_configuration_id": _new_instance(workspace_id, slug)}
    type = str(did.detail.get("type") or "")
    given = content if isinstance(content, dict) else None
    application().canvas.add_block(workspace_id, page_id, type, given, place=place, by=author())


def _new_instance(workspace_id: str, slug: str) -> str:
    """The id of a new agent of a definition, under the definition's name or the next that is free."""
    app = application()
    name = app.marketplace.definition(slug).name[: NAME_CHARS - 4]
    for number in range(1, _NAMES_TRIED + 1):
        try:
            wanted = name if number == 1 else f"{name} {number}"
            return app.agents.create(workspace_id, slug, wanted, by=author()).id
        except Conflict:
            if number == _NAMES_TRIED:
                raise
    raise AssertionError("unreachable")


def _save(workspace_id: str, page_id: str, did: Did) -> None:
    content, revision = did.detail.get("content"), did.detail.get("revision")
    if not isinstance(content, dict) or not isinstance(revision, int):
        raise Invalid("The block cannot be saved like that.", hint="Reload the page.")
    application().canvas.save_block(workspace_id, did.block, revision=revision, content=content, by=author())


def _rename(workspace_id: str, page_id: str, did: Did) -> None:
    canvas = application().canvas
    revision = canvas.block(workspace_id, did.block).revision
    canvas.save_block(workspace_id, did.block, revision=revision, name=str(did.detail.get("name") or ""), by=author())


def _duplicate(workspace_id: str, page_id: str, did: Did) -> None:
    application().canvas.duplicate_block(workspace_id, did.block, by=author())


def _remove(workspace_id: str, page_id: str, did: Did) -> None:
    application().canvas.delete_block(workspace_id, did.block, by=author())


def _undo(workspace_id: str, page_id: str, did: Did) -> None:
    application().canvas.restore_block(workspace_id, did.block, by=author(), page_id=page_id)


def _convert(workspace_id: str, page_id: str, did: Did) -> None:
    application().canvas.convert_block(workspace_id, did.block, str(did.detail.get("type") or ""), by=author())


def _run(workspace_id: str, page_id: str, did: Did) -> None:
    inputs = did.detail.get("inputs")
    given: Mapping[str, Any] = inputs if isinstance(inputs, dict) else {}
    application().refreshing.run_block(workspace_id, did.block, given, by=author())


def _stop(workspace_id: str, page_id: str, did: Did) -> None:
    application().refreshing.stop_block(workspace_id, did.block, by=author())


def _press(workspace_id: str, page_id: str, did: Did) -> None:
    application().refreshing.press(workspace_id, did.block, str(did.detail.get("action") or ""), by=author())


def _refresh(workspace_id: str, page_id: str, did: Did) -> None:
    application().refreshing.refresh(workspace_id, page_id, by=author())


def _stop_refresh(workspace_id: str, page_id: str, did: Did) -> None:
    application().refreshing.stop(workspace_id, page_id, by=author())


_DEEDS: Final[Mapping[str, Callable[[str, str, Did], None]]] = {
    "place": _place,
    "add": _add,
    "save": _save,
    "rename": _rename,
    "duplicate": _duplicate,
    "remove": _remove,
    "undo": _undo,
    "convert": _convert,
    "run": _run,
    "stop": _stop,
    "press": _press,
    "refresh": _refresh,
    "stop_refresh": _stop_refresh,
}
