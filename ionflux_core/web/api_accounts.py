"""The API's accounts with outside services: connect, test, sync, disconnect; a secret goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi import Path as InPath
from pydantic import Field

from ionflux_core import limits
from ionflux_core.domain.accounts import Account
from ionflux_core.web.api_here import Answer, Body, Editing, Here, Reading, Word

router = APIRouter(tags=["accounts"])

Id = Annotated[str, InPath(max_length=36, description="The account's id.")]
Values = Annotated[dict[str, str | int | float | bool | None], Field(max_length=40)]


class AccountDraft(Body):
    """A new account. `values` are by field; GET /connectors lists them."""

    connector: str = Field(min_length=1, max_length=40)
    name: str = Field(min_length=1, max_length=limits.NAME_CHARS)
    values: Values = {}
    brand_id: str | None = Field(None, max_length=36)


class AccountChange(Body):
    """What is not named stays. An empty secret is kept, null takes an optional one out."""

    name: str | None = Field(None, min_length=1, max_length=limits.NAME_CHARS)
    values: Values = {}
    brand_id: str | None = Field(None, max_length=36)


class FieldLine(Answer):
    """One thing to fill in."""

    name: str
    title: str
    kind: str
    required: bool
    description: str
    default: str
    choices: list[str]


class ConnectorLine(Answer):
    """What can be connected."""

    kind: str
    title: str
    description: str
    fields: list[FieldLine]
    readings: list[str]
    syncs: bool


class ConnectorList(Answer):
    """Connectors by title."""

    connectors: list[ConnectorLine]


class AccountLine(Answer):
    """An account. `stored_secrets` names the secret fields that are filled in; `address` is where its service sends."""

    id: str
    connector: str
    name: str
    brand_id: str | None
    settings: dict[str, str]
    stored_secrets: list[str]
    status: str
    label: str
    facts: dict[str, str]
    error: dict[str, Any] | None
    tested_at: datetime | None
    synced_at: datetime | None
    synced: dict[str, int]
    sync_error: dict[str, Any] | None
    syncing: bool
    address: str
    created_at: datetime
    updated_at: datetime


class AccountList(Answer):
    """Accounts of a workspace, the oldest first."""

    accounts: list[AccountLine]


class Authorization(Answer):
    """Where to let the app in, and the address it must be allowed to come back to."""

    url: str
    callback: str


class Registered(Answer):
    """Where webhooks come in, and what became of each topic."""

    address: str
    topics: dict[str, str]


@router.get("/connectors")
def find_connectors(here: Reading) -> ConnectorList:
    """What can be connected, with the fields each one needs."""
    found = [
        ConnectorLine(
            kind=each.kind,
            title=each.title,
            description=each.description,
            fields=[FieldLine.model_validate(field) for field in each.fields],
            readings=sorted(each.readings),
            syncs=each.syncs,
        )
        for each in here.application.accounts.kinds()
    ]
    return ConnectorList(connectors=found)


@router.get("/accounts")
def find_accounts(here: Reading, connector: Word = "") -> AccountList:
    """The accounts there are, without any secret."""
    found = here.application.accounts.find(here.workspace_id, connector or None)
    return AccountList(accounts=_lines(here, found))


@router.get("/accounts/{account_id}")
def get_account(here: Reading, account_id: Id) -> AccountLine:
    """One account."""
    return _line(here, here.application.accounts.get(here.workspace_id, account_id))


@router.post("/accounts", status_code=201)
def add_account(here: Editing, draft: AccountDraft) -> AccountLine:
    """Connect an account; test it afterwards."""
    made = here.application.accounts.save(
        here.workspace_id, draft.connector, draft.name, draft.values, brand_id=draft.brand_id, by=here.who.name
    )
    return _line(here, made)


@router.patch("/accounts/{account_id}")
def change_account(here: Editing, account_id: Id, change: AccountChange) -> AccountLine:
    """Change an account. Where its place changes, every stored secret has to be entered again."""
    accounts = here.application.accounts
    before = accounts.get(here.workspace_id, account_id)
    brand_id = change.brand_id if "brand_id" in change.model_fields_set else before.brand_id
    saved = accounts.save(
        here.workspace_id, before.connector, change.name or before.name, change.values, account_id=account_id,
        brand_id=brand_id, by=here.who.name,
    )  # fmt: skip
    return _line(here, saved)


@router.delete("/accounts/{account_id}", status_code=204)
def delete_account(here: Editing, account_id: Id) -> Response:
    """Remove an account with its secrets; what it has brought stays."""
    here.application.accounts.delete(here.workspace_id, account_id, by=here.who.name)
    return Response(status_code=204)


@router.post("/accounts/{account_id}/test")
def test_account(here: Editing, account_id: Id) -> AccountLine:
    """Ask the service who this is. What is wrong stands in `error`."""
    return _line(here, here.application.accounts.test(here.workspace_id, account_id, by=here.who.name))


@router.post("/accounts/{account_id}/sync", status_code=202)
def sync_account(here: Editing, account_id: Id) -> AccountLine:
    """Begin to bring in what is new; `syncing` says how long it goes on, then `synced` and `sync_error` what came."""
    return _line(here, here.application.accounts.syncs.begin(here.workspace_id, account_id, by=here.who.name))


@router.post("/accounts/{account_id}/disconnect")
def disconnect_account(here: Editing, account_id: Id) -> AccountLine:
    """Forget an account's secrets; the account stays."""
    return _line(here, here.application.accounts.disconnect(here.workspace_id, account_id, by=here.who.name))


@router.post("/accounts/{account_id}/oauth")
def begin_oauth(here: Editing, account_id: Id) -> Authorization:
    """The page on which a person lets the app in, good for ten minutes."""
    doors = here.application.account_doors
    return Authorization(url=doors.begin(here.workspace_id, account_id, by=here.who.name), callback=doors.callback)


@router.post("/accounts/{account_id}/webhooks")
def register_webhooks(here: Editing, account_id: Id) -> Registered:
    """Ask the service to send its webhooks here; needs IONFLUX_PUBLIC_URL."""
    doors, account = here.application.account_doors, here.application.accounts.get(here.workspace_id, account_id)
    return Registered(topics=doors.register(here.workspace_id, account_id), address=doors.address(account))


def _line(here: Here, account: Account) -> AccountLine:
    return _lines(here, [account])[0]


def _lines(here: Here, accounts: list[Account]) -> list[AccountLine]:
    running = here.application.accounts.syncs.running(accounts)
    return [
        AccountLine.model_validate(
            {
                **each.model_dump(),
                "stored_secrets": sorted(each.secrets),
                "syncing": each.id in running,
                "sync_error": None if each.id in running else each.sync_error,
                "address": here.application.account_doors.address(each),
            }
        )
        for each in accounts
    ]
