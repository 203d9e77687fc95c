"""Stored files in a browser: pictures are shown, everything else is kept, and nothing runs or leaks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core.application import Application
from ionflux_core.errors import Invalid
from ionflux_core.services.files import Files, kind_of
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
PAGE = b"<html><script>alert(1)</script></html>"


@pytest.fixture
def client(application: Application) -> Iterator[TestClient]:
    app = Starlette(middleware=middleware(application, Requests()))
    with TestClient(app, base_url="http://127.0.0.1:8501", client=("127.0.0.1", 4711)) as opened:
        yield opened


def stored(application: Application, name: str, data: bytes, media_type: str) -> tuple[str, dict[str, Any]]:
    workspace = application.workspaces.all()[0]
    return workspace.id, application.runs.upload(workspace.id, name, data, media_type)


def test_a_picture_is_shown_as_what_its_bytes_are(application: Application, client: TestClient) -> None:
    workspace_id, reference = stored(application, "a picture.png", PNG, "text/html")
    answer = client.get("/" + Files.address(workspace_id, reference))
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("inline")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("name", "media_type"), [("page.html", "text/html"), ("x.png", "image/png")])
def test_what_is_no_picture_is_a_download_whatever_it_claims(
    application: Application, client: TestClient, name: str, media_type: str
) -> None:
    workspace_id, reference = stored(application, name, PAGE, media_type)
    answer = client.get("/" + Files.address(workspace_id, reference))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_part_of_a_film_can_be_asked_for(application: Application, client: TestClient) -> None:
    film = b"\0\0\0\x18ftypmp42" + bytes(range(200))
    workspace_id, reference = stored(application, "film.mp4", film, "video/mp4")
    answer = client.get("/" + Files.address(workspace_id, reference), headers={"Range": "bytes=12-21"})
    assert (answer.status_code, answer.content) == (206, bytes(range(10)))


@pytest.mark.parametrize("sha256", ["0" * 64, "..%2F..%2Fionflux.sqlite", "x", "%00"])
def test_another_file_or_workspace_is_simply_not_there(
    application: Application, client: TestClient, sha256: str
) -> None:
    workspace_id, reference = stored(application, "a.png", PNG, "image/png")
    other = application.workspaces.create("Another")
    assert client.get(f"/files/{workspace_id}/{sha256}").status_code == 404
    assert client.get("/" + Files.address(other.id, reference)).status_code == 404


def test_files_are_only_read(application: Application, client: TestClient) -> None:
    workspace_id, reference = stored(application, "a.png", PNG, "image/png")
    address = "/" + Files.address(workspace_id, reference)
    assert client.delete(address, headers={"origin": "http://127.0.0.1:8501"}).status_code == 405


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"GIF89a", "image/gif"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"RIFF....WEBP", "image/webp"), (b"<svg", "")],
)
def test_kinds_by_first_bytes(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


def test_pages_may_show_only_what_a_workspace_allows(application: Application, client: TestClient) -> None:
    workspace = application.workspaces.all()[0]
    assert "https://" not in client.get("/nothing").headers["content-security-policy"]
    application.workspaces.save_settings(workspace.id, {"media_allow": ["images.example.com"]})
    policy = client.get("/nothing").headers["content-security-policy"]
    for part in ("img-src", "media-src", "frame-src"):
        assert "https://images.example.com" in policy.split(f"{part} ")[1].split(";")[0]
    assert "images.example.com" not in policy.split("connect-src ")[1].split(";")[0]


@pytest.mark.parametrize(
    "host", ["https://a.com", "a.com; script-src *", "*", "localhost", "a b.com", "a.com/x", "-a.com"]
)
def test_what_is_no_host_name_is_not_allowed(application: Application, host: str) -> None:
    workspace = application.workspaces.all()[0]
    with pytest.raises(Invalid, match="host name"):
        application.workspaces.save_settings(workspace.id, {"media_allow": [host]})
