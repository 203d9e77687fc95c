"""The API's saved views, marks on charts and digests."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ionflux_core.domain.annotations import ChartNote, Mark, NoteDraft
from ionflux_core.domain.destinations import Way, shown_to_readers
from ionflux_core.domain.digests import Digest, DigestDelivery, DigestDraft
from ionflux_core.domain.views import SavedView, ViewDraft
from ionflux_core.errors import Invalid
from ionflux_core.services.digest_words import as_data, as_text
from ionflux_core.web.api_here import Answer, Body, Editing, Here, Moment, Reading, Word

router = APIRouter(tags=["insight"])


class ViewOut(Answer):
    """A page as somebody has narrowed it, by name."""

    id: str
    page: str
    name: str
    parameters: dict[str, str]
    created_by: str | None
    updated_at: datetime


class ViewList(Answer):
    """Views by name."""

    views: list[ViewOut]


class ViewChange(Body):
    """What is to be different about a view."""

    name: str | None = None
    parameters: dict[str, str] | None = None


class MarkList(Answer):
    """Marks of a period, oldest first."""

    marks: list[Mark]


class NoteOut(Answer):
    """A note on the charts."""

    id: str
    at: datetime
    words: str
    instance_id: str | None
    created_by: str | None


class AddressesOut(Answer):
    """By which way a digest goes out, and to whom."""

    channel: Way
    to: list[str]


class DigestOut(Answer):
    """A digest, with what became of it last."""

    id: str
    name: str
    view_id: str | None
    cron: str
    timezone: str
    days: int
    destination: AddressesOut
    enabled: bool
    next_at: datetime | None
    last_at: datetime | None
    last_outcome: str
    deliveries: list[DigestDelivery] = []


class DigestList(Answer):
    """Digests by name."""

    digests: list[DigestOut]


class SheetOut(Answer):
    """What a digest would say now: as text and as data."""

    subject: str
    first: date
    last: date
    text: str
    details: dict[str, Any]


@router.get("/views")
def find_views(here: Reading, page: Annotated[Word | None, Query(description="Such as dashboard.")] = None) -> ViewList:
    """The saved views, of one page where one is named."""
    found = here.application.views.find(here.workspace_id, page)
    return ViewList(views=[ViewOut.model_validate(each) for each in found])


@router.post("/views", status_code=201)
def create_view(here: Editing, draft: ViewDraft) -> ViewOut:
    """Keep the parameters of a page's address under a name; 409 when it is taken."""
    return _view(here.application.views.create(here.workspace_id, draft, by=here.who.name))


@router.patch("/views/{view_id}")
def change_view(here: Editing, view_id: str, change: ViewChange) -> ViewOut:
    """Rename a view, or give it other parameters."""
    views = here.application.views
    found = views.get(here.workspace_id, view_id)
    if change.parameters is not None:
        found = views.keep(here.workspace_id, view_id, change.parameters, by=here.who.name)
    if change.name is not None:
        found = views.rename(here.workspace_id, view_id, change.name, by=here.who.name)
    return _view(found)


@router.delete("/views/{view_id}", status_code=204)
def delete_view(here: Editing, view_id: str) -> None:
    """Delete a view; 409 while a digest tells of it."""
    here.application.views.delete(here.workspace_id, view_id, by=here.who.name)


@router.get("/annotations")
def find_marks(
    here: Reading,
    since: Moment,
    until: Moment,
    instance_id: Word | None = None,
    agent: Annotated[Word | None, Query(description="A definition's slug.")] = None,
    brand_id: Word | None = None,
) -> MarkList:
    """Notes, saved configurations and incidents of a period, the newest 200 at most."""
    if since >= until:
        raise Invalid("A period begins before it ends.", hint="Swap since and until.")
    marks = here.application.annotations.marks(
        here.workspace_id, since, until, instance_id=instance_id, definition_slug=agent, brand_id=brand_id
    )
    return MarkList(marks=marks)


@router.post("/annotations", status_code=201)
def create_note(here: Editing, draft: NoteDraft) -> NoteOut:
    """Write a note on the charts."""
    note: ChartNote = here.application.annotations.note(here.workspace_id, draft, by=here.who.name)
    return NoteOut.model_validate(note)


@router.delete("/annotations/{note_id}", status_code=204)
def delete_note(here: Editing, note_id: str) -> None:
    """Take a note off the charts."""
    here.application.annotations.delete(here.workspace_id, note_id, by=here.who.name)


@router.get("/digests")
def find_digests(here: Reading) -> DigestList:
    """The digests, each with what became of its last sending; a viewer sees of a webhook only where it leads."""
    return DigestList(digests=[_digest(here, each) for each in here.application.digests.find(here.workspace_id)])


@router.post("/digests", status_code=201)
def create_digest(here: Editing, draft: DigestDraft) -> DigestOut:
    """A new digest; its first slot is the next one of its schedule."""
    return _digest(here, here.application.digests.create(here.workspace_id, draft, by=here.who.name))


@router.put("/digests/{digest_id}")
def save_digest(here: Editing, digest_id: str, draft: DigestDraft) -> DigestOut:
    """Change a digest."""
    return _digest(here, here.application.digests.save(here.workspace_id, digest_id, draft, by=here.who.name))


@router.delete("/digests/{digest_id}", status_code=204)
def delete_digest(here: Editing, digest_id: str) -> None:
    """Delete a digest; what it has sent stays in the outbox."""
    here.application.digests.delete(here.workspace_id, digest_id, by=here.who.name)


@router.post("/digests/{digest_id}/send", status_code=202)
def send_digest(here: Editing, digest_id: str) -> DigestOut:
    """Give a digest to the outbox now; its schedule stays as it is."""
    return _digest(here, here.application.digests.send_now(here.workspace_id, digest_id, by=here.who.name))


@router.get("/digests/{digest_id}/sheet")
def get_sheet(here: Reading, digest_id: str) -> SheetOut:
    """What a digest would say if it were sent now."""
    sheet = here.application.digests.sheet(here.workspace_id, digest_id)
    return SheetOut(
        subject=sheet.subject, first=sheet.first, last=sheet.last, text=as_text(sheet), details=as_data(sheet)
    )


def _view(view: SavedView) -> ViewOut:
    return ViewOut.model_validate(view)


def _digest(here: Here, digest: Digest) -> DigestOut:
    made = DigestOut.model_validate(digest)
    deliveries = here.application.digests.deliveries(here.workspace_id, digest)
    if not here.may_edit:
        way = digest.destination.channel
        deliveries = [each.model_copy(update={"to": shown_to_readers(way, each.to)}) for each in deliveries]
        made.destination.to = [shown_to_readers(way, each) for each in digest.destination.to]
    return made.model_copy(update={"deliveries": deliveries})
