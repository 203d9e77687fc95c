"""What transforms ask of a run's surroundings: servers, models, shops, files, outboxes."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core.errors import AgentFailed, Invalid, IonfluxError, Unavailable
from tests.transforms.surroundings import Answer, Server, Surroundings, made, made_in


@pytest.mark.parametrize(
    ("status", "kind"), [(404, AgentFailed), (401, AgentFailed), (429, Unavailable), (503, Unavailable)]
)
def test_a_refusing_server_fails_the_step(status: int, kind: type[IonfluxError]) -> None:
    context = Surroundings(server=Server(Answer(status, b"no", {})))
    with pytest.raises(kind, match=rf"stock\.example answered with status {status}") as caught:
        made_in(context, "http.request", url="https://key:secret@stock.example/a?token=x")
    assert "secret" not in str(caught.value)
    calm = made_in(context, "http.request", url="https://stock.example/a", fail_on_error=False)
    assert (calm["ok"], calm["text"]) == (False, "no")


def test_what_is_no_json_is_given_as_text() -> None:
    broken = Surroundings(server=Server(Answer(200, b"<html>", {"content-type": "application/json"})))
    assert made_in(broken, "http.request", url="https://x.example")["text"] == "<html>"
    latin = Surroundings(
        server=Server(Answer(200, "ção".encode("latin-1"), {"content-type": "text/plain; charset=latin-1"}))
    )
    assert made_in(latin, "http.request", url="https://x.example")["text"] == "ção"


def test_a_request_has_one_body() -> None:
    context = Surroundings()
    made_in(context, "http.request", url="https://x.example", method="POST", json={"a": 1}, headers={"x": "secret://k"})
    method, url, more = context.server.asked[0]
    assert (method, url, more["json"], more["content"]) == ("POST", "https://x.example", {"a": 1}, None)
    assert more["headers"] == {"x": "secret://k"}
    with pytest.raises(Invalid, match="a body and a JSON body"):
        made("http.request", url="https://x.example", json=0, body="a")


def test_a_model_is_asked_as_the_node_says() -> None:
    context = Surroundings()
    made_in(context, "llm.complete", prompt="Hi", system="Short.", temperature=0.0, model="local:extractive-tfidf")
    asked = context.models[0]
    assert (asked["system"], asked["temperature"], asked["models"]) == ("Short.", 0.0, ["local:extractive-tfidf"])
    made_in(context, "llm.complete", prompt="Hi")
    assert not {"temperature", "models"} & context.models[1].keys()
    made_in(context, "llm.classify", text="Hi", labels=["delivery", "delivery", "other"])
    assert context.models[2]["schema"]["properties"]["label"]["enum"] == ["delivery", "other"]


def test_a_form_that_is_no_schema_is_refused_before_anything_is_asked() -> None:
    context = Surroundings()
    with pytest.raises(Invalid, match="no JSON Schema"):
        made_in(context, "llm.extract", text="x", schema={"type": "nothing"})
    assert context.models == []


def test_a_model_that_fills_in_nothing_fails_the_step() -> None:
    with pytest.raises(AgentFailed, match="not filled in"):
        made("llm.extract", text="x", schema={"type": "object"})


def test_the_shop_is_asked_only_for_what_was_said() -> None:
    context = Surroundings()
    assert made_in(context, "shopify.query", what="shop") == {"data": {"name": "Linen"}, "total": 1}
    made_in(context, "shopify.query", what="products", since="2026-11-20T00:00:00Z")
    assert context.accounts.asked == [
        ("shopify", "shop", {}), ("shopify", "products", {"since": "2026-11-20T00:00:00Z", "limit": 50}),
    ]  # fmt: skip


def test_a_message_carries_only_what_was_given() -> None:
    context = Surroundings()
    made_in(
        context, "email.send", to="ana@example.com", subject="Hi", html="<p>Hi</p>", unsubscribe="https://x.example"
    )
    made_in(context, "slack.post", channel="#a", text="Hi", thread="17.2")
    made_in(context, "shopify.action", action="set_note", target="gid://shopify/Order/1", values={"note": "Call."})
    assert context.sent == [
        ("email", "ana@example.com",
         {"subject": "Hi", "html": "<p>Hi</p>", "list_unsubscribe": "https://x.example"}),
        ("slack", "#a", {"text": "Hi", "thread": "17.2"}),
        ("shopify", "gid://shopify/Order/1", {"action": "set_note", "note": "Call."}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "inputs", "told"),
    [
        ("email.send", {"to": "ana@example.com", "subject": "Hi", "text": " "}, "needs words"),
        ("slack.post", {"channel": "#a"}, "needs words"),
        ("shopify.action", {"action": "add_tags", "target": "x", "values": {}}, "needs tags"),
        (
            "shopify.action",
            {"action": "delete", "target": "x"},
            "'action' must be 'add_tags', 'remove_tags' or 'set_note'",
        ),
        ("canvas.write_block", {"title": "x"}, "nothing to write"),
        ("store.put", {"name": "x", "content": "??", "encoding": "base64"}, "not base64"),
        ("chat.post", {"channel": "", "text": "x"}, "'channel' does not fit"),
        ("value.record", {"kind": "luck", "amount": 1, "unit": "x", "method": "measured", "note": "x"}, "'kind'"),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, inputs: dict[str, Any], told: str) -> None:
    context = Surroundings()
    with pytest.raises(Invalid, match=told):
        made_in(context, name, **inputs)
    assert context.sent == []
    assert context.said == []


def test_files_are_read_as_asked() -> None:
    context = Surroundings()
    file = made_in(context, "store.put", name="b", content="AAE=", encoding="base64")["file"]
    assert (file["media_type"], file["size"]) == ("application/octet-stream", 2)
    assert made_in(context, "store.get", file=file, read_as="base64")["text"] == "AAE="
    with pytest.raises(Invalid, match="no JSON"):
        made_in(context, "store.get", file=file, read_as="json")


def test_what_is_hardly_alike_is_not_recalled() -> None:
    assert [each["text"] for each in made("memory.recall", query="linen", least_score=0.3)["memories"]] == [
        "Ana likes linen."
    ]
