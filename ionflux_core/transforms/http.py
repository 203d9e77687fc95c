"""One request to a server outside, through the guarded way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field
from pydantic_core import from_json

from ionflux_core.errors import AgentFailed, Unavailable
from ionflux_core.sdk import Context, HttpResponse
from ionflux_core.transforms.base import EMPTY, Example, transform, unfit

Texts = Annotated[dict[str, str], Field(max_length=100)]


class Answer(TypedDict):
    """What a server answered."""

    status: Annotated[int, "The HTTP status."]
    ok: Annotated[bool, "Whether the status is below 400."]
    headers: Annotated[dict[str, str], "Its headers, names in small letters."]
    data: Annotated[Any, "The body, where it is JSON."]
    text: Annotated[str, "The body as text, where it is not."]


@transform(
    "http.request",
    title="Ask a server",
    scope="http:request",
    examples=[
        Example("JSON from an API", {"url": "https://stock.example/articles/A1", "params": {"place": "porto"}},
                {"status": 200, "ok": True, "headers": {"content-type": "application/json"},
                 "data": {"sku": "A1", "left": 4}, "text": ""}),
    ],
)  # fmt: skip
def request(
    ctx: Context,
    url: Annotated[str, "The address, with https://.", Field(min_length=1, max_length=4_000)],
    method: Annotated[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], "What to do there."] = "GET",
    headers: Annotated[Texts, "Headers; a value may be a reference such as secret://stock_key."] = EMPTY,
    params: Annotated[Texts, "What is added to the address behind the question mark."] = EMPTY,
    json: Annotated[Any, "A body that is sent as JSON."] = None,
    body: Annotated[str, "A body that is sent as text; instead of json.", Field(max_length=1_000_000)] = "",
    timeout: Annotated[float, "Seconds to wait for the answer.", Field(gt=0, le=120)] = 10.0,
    fail_on_error: Annotated[bool, "Whether the step fails when the status is 400 or more."] = True,
) -> Answer:
    """Send one request. Private addresses are refused, and after reading outside text a run may only read."""
    if body and json is not None:
        raise unfit("body", "There is a body and a JSON body.", "Give one of them.")
    answer = ctx.http.request(
        method, url, headers=headers, params=params, json=json, content=body.encode() if body else None, timeout=timeout
    )
    if fail_on_error and answer.status >= 400:
        _fail(url, answer)
    data, text = _read(answer)
    return {"status": answer.status, "ok": answer.status < 400, "headers": dict(answer.headers), "data": data,
            "text": text}  # fmt: skip


def _read(answer: HttpResponse) -> tuple[Any, str]:
    kind = answer.headers.get("content-type", "").lower()
    if "json" in kind and answer.content:
        try:
            return from_json(answer.content, allow_inf_nan=False), ""
        except ValueError:
            # The text then shows what came instead.
            pass
    return None, answer.content.decode(_charset(kind), "replace")


def _charset(kind: str) -> str:
    named = kind.partition("charset=")[2].partition(";")[0].strip(" \"'")
    return named if named in ("latin-1", "iso-8859-1", "windows-1252", "us-ascii") else "utf-8"


def _fail(url: str, answer: HttpResponse) -> None:
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2][:100]
    said = f"{host} answered with status {answer.status}."
    if answer.status in (408, 425, 429) or answer.status >= 500:
        raise Unavailable(said, hint="It may well work later; the node's retry tries again.", code="http_status")
    raise AgentFailed(said, hint=_HINTS.get(answer.status, "Check what is sent."), code="http_status")


_HINTS: Mapping[int, str] = {
    401: "Check the key in the headers.",
    403: "Check whether the key may do this.",
    404: "Check the address.",
}
