"""What a call may cost at most, before it is made."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ionflux_core import ids
from ionflux_core.llm import pricing
from ionflux_core.llm.base import Model, Request

# One token is about four bytes of English; two leaves room for other scripts, for code and for numbers.
_BYTES_PER_TOKEN = 2
_TOKENS_PER_MESSAGE = 16
_TOKENS_PER_IMAGE = 2_000


def most_tokens_in(request: Request) -> int:
    """More tokens than the request will have."""
    texts = [request.system or "", *(message.text for message in request.messages)]
    texts += [tool.description + json.dumps(dict(tool.parameters)) for tool in request.tools]
    texts += [json.dumps(call.arguments) for message in request.messages for call in message.tool_calls]
    if request.schema is not None:
        texts.append(json.dumps(dict(request.schema)))
    images = sum(len(message.images) for message in request.messages)
    return _tokens(texts) + images * _TOKENS_PER_IMAGE


def most_micros(model: Model, request: Request) -> int | None:
    """Millionths of a US dollar that an answer can cost at most; None where no price is known."""
    return _micros(model, most_tokens_in(request), request.max_tokens)


def most_micros_embedding(model: Model, texts: Iterable[str]) -> int | None:
    """Millionths of a US dollar that vectors of these texts can cost at most; None where no price is known."""
    return _micros(model, _tokens(texts), 0)


def _tokens(texts: Iterable[str]) -> int:
    return sum(len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + _TOKENS_PER_MESSAGE for text in texts)


def _micros(model: Model, tokens_in: int, tokens_out: int) -> int | None:
    if model.base_url:
        return None
    return pricing.cost_micros(model.provider, model.name, tokens_in, tokens_out, on=ids.now().date())
