"""A shop's sync: at first everything by bulk operations, from then on what has changed, each part with its cursor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json

from ionflux_core.connectors import shopify_queries as queries
from ionflux_core.connectors.base import Batch, Fact
from ionflux_core.connectors.calls import garbage
from ionflux_core.connectors.downloads import lines_of
from ionflux_core.connectors.shopify_calls import SERVICE, Shop, refuse_user_errors
from ionflux_core.connectors.shopify_reading import RESOURCES, Resource, Row, listed
from ionflux_core.connectors.shopify_shapes import key_of, moment_of
from ionflux_core.errors import Unavailable

POLL_SECONDS: Final = 5.0
_MOST_POLLS: Final = 240
_AT_ONCE: Final = 50
_UNDER_WAY: Final = frozenset({"CREATED", "RUNNING", "CANCELING"})

Cursor = dict[str, Any]


def sync_shop(shop: Shop, cursor: Mapping[str, Any]) -> Iterator[Batch]:
    """What is new since the cursor. A cursor of another shop counts as none."""
    domain = shop.access.settings.get("shop", "")
    whole: Cursor = dict(cursor) if cursor.get("shop") == domain else {"shop": domain}
    for resource in RESOURCES:
        if resource.root == "customers" and not shop.with_people:
            continue
        place = whole.get(resource.root) or {}
        parts = _changes(shop, resource, place) if place.get("since") else _everything(shop, resource, place)
        for facts, place in parts:
            whole = {**whole, resource.root: place}
            yield Batch(tuple(facts), whole)


def _changes(shop: Shop, resource: Resource, place: Cursor) -> Iterator[tuple[list[Fact], Cursor]]:
    """What has changed since the last sync, page by page; what lies on the border is known by its key."""
    since, newest = str(place["since"]), str(place.get("newest") or place["since"])
    for rows, after in listed(shop, resource, f"updated_at:>='{since.replace('+00:00', 'Z')}'", place.get("after")):
        newest = max([newest, *(moment.isoformat() for row in rows if (moment := moment_of(row.get("updated_at"))))])
        facts = [fact_of(resource, row, action) for row in rows for action in _actions(row, since)]
        if after is None:
            yield facts, {"since": newest}
        else:
            yield facts, {"since": since, "newest": newest, "after": after}


def _everything(shop: Shop, resource: Resource, place: Cursor) -> Iterator[tuple[list[Fact], Cursor]]:
    """The first import: a bulk operation begun, waited for, fetched and taken in; each of these can be gone on with."""
    if not place.get("bulk"):
        place = _begun(shop, resource)
        yield [], place
    for tries in range(_MOST_POLLS):
        state = shop.ask(queries.BULK_STATE, {"id": place["bulk"]}).get("node")
        status = state.get("status") if isinstance(state, dict) else "EXPIRED"
        if status not in _UNDER_WAY:
            break
        # An empty part says that the sync is alive.
        yield [], place
        shop.access.sleep(POLL_SECONDS if tries else 1.0)
    else:
        raise Unavailable(
            "Shopify is still preparing the import.", hint="The next sync goes on with it.", code="service_down"
        )
    if status == "COMPLETED" and _has_lost_its_file(state or {}):
        status = "EXPIRED"
    if status != "COMPLETED":
        yield [], {}
        raise Unavailable(
            f"Shopify has not finished the import ({str(status)[:20].lower()}).", hint="Sync again to begin anew.",
            code="service_down",
        )  # fmt: skip
    yield from _taken_in(shop, resource, place, str((state or {}).get("url") or ""))


def _has_lost_its_file(state: Mapping[str, Any]) -> bool:
    """Whether things were found whose file is gone: Shopify keeps it for a week."""
    return not state.get("url") and str(state.get("objectCount") or "0") != "0"


def _begun(shop: Shop, resource: Resource) -> Cursor:
    wanted = queries.BULK[resource.root]
    asked = {"query": wanted if shop.with_people else queries.without_people(wanted)}
    answer = shop.ask(queries.RUN_BULK, asked).get("bulkOperationRunQuery")
    refuse_user_errors(answer)
    begun = answer.get("bulkOperation") if isinstance(answer, dict) else None
    started = moment_of(begun.get("createdAt")) if isinstance(begun, dict) else None
    if not isinstance(begun, dict) or not begun.get("id") or started is None:
        raise garbage(SERVICE)
    return {"bulk": str(begun["id"]), "started": started.isoformat(), "done": 0}


def _taken_in(shop: Shop, resource: Resource, place: Cursor, url: str) -> Iterator[tuple[list[Fact], Cursor]]:
    """The file of a bulk operation in parts; what an earlier sync has taken in is passed over."""
    done, waiting = int(place.get("done") or 0), []
    found = joined(lines_of(shop.access, SERVICE, url)) if url else iter(())
    for number, row in enumerate(found):
        if number < done:
            continue
        waiting.append(row)
        if len(waiting) == _AT_ONCE:
            yield _facts(shop, resource, waiting), {**place, "done": number + 1}
            waiting = []
    yield _facts(shop, resource, waiting), {"since": place["started"]}


def _facts(shop: Shop, resource: Resource, found: Sequence[tuple[Row, list[Row]]]) -> list[Fact]:
    return [fact_of(resource, row, "imported") for row in resource.joined(shop, found)]


def joined(lines: Iterator[bytes]) -> Iterator[tuple[Row, list[Row]]]:
    """Each thing of a bulk file with what belongs to it: lines that name a `__parentId` stand below their parent."""
    root: Row | None = None
    below: list[Row] = []
    names: set[str] = set()
    for line in lines:
        try:
            row = from_json(line)
        except ValueError:
            raise garbage(SERVICE) from None
        if not isinstance(row, dict):
            raise garbage(SERVICE)
        parent = row.pop("__parentId", None)
        if parent is None:
            if root is not None:
                yield root, below
            root, below, names = row, [], {str(row.get("id"))}
        elif str(parent) in names:
            below.append(row)
            names.add(str(row.get("id")))
        else:
            raise garbage(SERVICE)
    if root is not None:
        yield root, below


def fact_of(resource: Resource, row: Row, action: str) -> Fact:
    """A row as the fact it is published as; the same fact has the same key, whoever tells of it."""
    key = key_of(resource.noun, action, row)
    if key is None:
        raise garbage(SERVICE)
    moment = moment_of(row.get("updated_at"))
    return Fact(f"ionflux.shopify.{resource.noun}.{action}", row, key, moment)


def _actions(row: Row, since: str) -> tuple[str, ...]:
    """A thing that is new was made, and it may have changed since, after a webhook has told that it was made."""
    made, border = moment_of(row.get("created_at")), moment_of(since)
    if made is None or border is None or made < border:
        return ("updated",)
    return ("created",) if made == moment_of(row.get("updated_at")) else ("created", "updated")
