"""One question to the models of a run: who is asked, what is wrong with an answer, and what is seen of it meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from ionflux_core.domain.dialogue import Image, Message, Tool, ToolCall
from ionflux_core.domain.runs import Run
from ionflux_core.errors import AgentFailed, Invalid, IonfluxError
from ionflux_core.runtime.calls import Calls
from ionflux_core.runtime.journal import Journal, plain_json
from ionflux_core.runtime.ports import Ports
from ionflux_core.sdk import Asking, Completion

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ionflux_core.llm import base
    from ionflux_core.llm.attempts import Attempt
    from ionflux_core.redaction import Redactor

T = TypeVar("T")
OnText = Callable[[str], None]

_SHOWN_EVERY_SECONDS = 0.2
_MAX_TOKENS = 800


class Question:
    """A question as it is recorded, with the bytes of its pictures; it is answered once."""

    def __init__(
        self,
        asked: dict[str, Any],
        shown: Mapping[str, Image],
        wanted: type[BaseModel] | None,
        journal: Journal,
        calls: Calls,
        redactor: Redactor,
        seen: OnText = lambda _: None,
    ) -> None:
        self._asked = asked
        self._request = _request(asked, shown)
        self._wanted = wanted
        self._journal = journal
        self._calls = calls
        self._redactor = redactor
        self._seen = seen
        self._numbers = count(1)

    def answered(self, choices: Sequence[str], run: Run, ports: Ports, on_text: OnText | None) -> Completion:
        """The answer; where it misses the schema or a tool, the model that gave it is told so, once."""

        def ask(choices: Sequence[str], request: base.Request, told: str | None) -> base.Completion:
            def attempt(model: base.Model, time_limits: base.TimeLimits) -> base.Completion:
                return self._attempt(model, time_limits, request, told, on_text)

            return ask_in_order(choices, run, ports, attempt, pinned=bool(self._asked.get("pinned")))

        said = ask(choices, self._request, None)
        data, wrong = self._judged(said)
        if not wrong:
            return self._kept([said], data)
        again = replace(self._request, messages=(*self._request.messages, *_repair(said, wrong)))
        asked_again = said.engine["name"].replace("/", ":", 1)
        second = ask([asked_again], again, "; ".join(wrong.values()))
        data, still_wrong = self._judged(second)
        if still_wrong:
            # Not tried again by itself: every turn costs, and two have shown that this model does not manage.
            raise AgentFailed(
                f"The model {second.model} gave no answer that fits: {'; '.join(still_wrong.values())}"[:1000],
                hint="Ask for less, say more clearly what is wanted, or choose another model.",
                code="model_unfit_answer",
            )
        return self._kept([said, second], data)

    def _attempt(
        self,
        model: base.Model,
        time_limits: base.TimeLimits,
        request: base.Request,
        told: str | None,
        on_text: OnText | None,
    ) -> base.Completion:
        from ionflux_core.llm.estimates import most_micros

        row_request = self._asked | ({"told": told} if told else {})
        with self._calls.paid("llm", model, row_request, next(self._numbers), most_micros(model, request)) as row:
            live = self._live(on_text) if on_text is not None else None
            said = model.complete(request, time_limits=time_limits, on_text=live)
            row.update(
                response={"text": said.text, "model": said.model, "finish_reason": said.finish_reason}
                | ({"tool_calls": plain_json(said.tool_calls, "A wish")} if said.tool_calls else {}),
                tokens_in=said.tokens_in,
                tokens_out=said.tokens_out,
                cached_tokens=said.cached_tokens,
                cost_micros=said.cost_micros,
                price=said.price.snapshot() if said.price else None,
            )
        return said

    def _live(self, on_text: OnText) -> OnText:
        """Hands pieces on and keeps the text so far where the run's page finds it."""
        step, pieces, next_at = self._journal.current, list[str](), 0.0

        def heard(piece: str) -> None:
            nonlocal next_at
            self._journal.check()
            pieces.append(piece)
            if step is not None and time.monotonic() >= next_at:
                step.partial = self._redactor.text("".join(pieces))
                self._seen(step.partial)
                next_at = time.monotonic() + _SHOWN_EVERY_SECONDS
            _hand_on(on_text, piece)

        return heard

    def _judged(self, said: base.Completion) -> tuple[Any, dict[str, str]]:
        """The data of an answer, and what is wrong with it: by the id of a tool's wish, or by "" for the whole."""
        from ionflux_core.llm.schemas import misused, read_answer

        if said.tool_calls:
            return None, misused(said.tool_calls, self._request.tools)
        if self._request.schema is None:
            return None, {}
        if said.finish_reason == "refusal":
            raise Invalid(
                f"The model {said.model} refused to answer.",
                hint="Word the question differently.",
                code="model_refused",
            )
        if said.finish_reason == "length":
            raise AgentFailed(
                f"The answer was cut at {self._request.max_tokens} tokens.",
                hint="Give max_tokens enough room for the whole answer.",
                code="model_answer_cut",
            )
        data, problem = read_answer(said.text, self._request.schema)
        problem = problem or _misfit(data, self._wanted)
        return data, {"": problem} if problem else {}

    def _kept(self, answers: list[base.Completion], data: Any) -> Completion:
        """The last answer with what all of them took; a secret that came back in it is not kept."""
        last, costs = answers[-1], [answer.cost_micros for answer in answers]
        return Completion(
            text=self._kept_part(last.text),
            engine=dict(last.engine),
            tokens_in=sum(answer.tokens_in for answer in answers),
            tokens_out=sum(answer.tokens_out for answer in answers),
            cost_micros=None if None in costs else sum(cost or 0 for cost in costs),
            finish_reason=last.finish_reason,
            tool_calls=tuple(replace(call, arguments=self._kept_part(call.arguments)) for call in last.tool_calls),
            data=self._kept_part(data),
        )

    def _kept_part(self, value: T) -> T:
        masked: T = self._redactor.tree(value) if self._redactor.holds(json.dumps(value)) else value
        return masked


def _hand_on(on_text: OnText, piece: str) -> None:
    try:
        on_text(piece)
    except IonfluxError:
        raise
    except Exception as error:
        # Else it would look like an answer that cannot be read, and the provider would be blamed for it.
        raise AgentFailed(
            f"on_text failed: {type(error).__name__}: {error}", hint="Look into the agent's code."
        ) from error


def _misfit(data: Any, wanted: type[BaseModel] | None) -> str | None:
    """What the rules of a pydantic model that no schema can say find wrong."""
    from pydantic import ValidationError

    try:
        if wanted is not None:
            wanted.model_validate(data)
    except ValidationError as error:
        told = [f"at {'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors(include_input=False)]
        return "The answer does not fit: " + "; ".join(told[:5])
    return None


def ask_in_order(choices: Sequence[str], run: Run, ports: Ports, attempt: Attempt[T], *, pinned: bool) -> T:
    """What the first model that can be had says; the local engine where nobody has stored a key, unless pinned."""
    from ionflux_core.llm.attempts import ask
    from ionflux_core.llm.base import LOCAL

    def find(chosen: str) -> base.Model:
        return ports.model(run.workspace_id, chosen)

    try:
        return ask(choices, find, attempt, ports.breakers)
    except IonfluxError as missing:
        if pinned or missing.code != "model_key_missing":
            raise
        try:
            return ask([LOCAL], find, attempt, ports.breakers)
        except IonfluxError as unable:
            raise (missing if unable.code == "model_cannot" else unable) from None


def pictures(how: Asking) -> dict[str, Image]:
    """Every picture of a question by its hash."""
    images = [*how.get("images", ()), *(image for message in how.get("messages", ()) for image in message.images)]
    return {image.reference()["sha256"]: image for image in images}


def schema_of(schema: type[BaseModel] | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The JSON schema that was meant: its own, or that of a pydantic model; Invalid when it is none."""
    if schema is None:
        return None
    from ionflux_core.llm.schemas import check_schema

    plain: dict[str, Any] = schema.model_json_schema() if isinstance(schema, type) else dict(schema)
    check_schema(plain)
    return plain


def plain_question(prompt: str, how: Asking, schema: dict[str, Any] | None) -> dict[str, Any]:
    """A question as plain JSON, without what is empty: what its step is known by and its rows keep."""
    images, models = list(how.get("images", ())), list(how.get("models", ()))
    asked = {
        "prompt": prompt,
        "system": how.get("system"),
        "max_tokens": how.get("max_tokens", _MAX_TOKENS),
        "temperature": how.get("temperature"),
        "messages": [message.recorded() for message in how.get("messages", ())],
        "images": [image.reference() for image in images],
        "tools": [
            {"name": t.name, "description": t.description, "parameters": t.parameters} for t in how.get("tools", ())
        ],
        "schema": schema,
        "models": models,
        "pinned": how.get("pinned", False),
    }
    if not prompt and not images and not asked["messages"]:
        raise Invalid("The model is asked nothing.", hint="Give a prompt or messages.")
    plain: dict[str, Any] = plain_json(
        {name: value for name, value in asked.items() if not _is_empty(value)}, "The question holds"
    )
    return {"prompt": prompt, **plain}


def _is_empty(value: Any) -> bool:
    # A temperature of 0.0 is something.
    return value is None or value is False or value == "" or value == []


def _request(asked: dict[str, Any], shown: Mapping[str, Image]) -> base.Request:
    from ionflux_core.llm.base import Request

    def images(references: Any) -> tuple[Image, ...]:
        try:
            return tuple(shown[reference["sha256"]] for reference in references or ())
        except KeyError:
            raise Invalid("A picture of this question is not there.", hint="Start the run anew.") from None

    messages = [
        Message(
            turn["role"],
            turn["text"],
            images(turn.get("images")),
            tuple(ToolCall(**call) for call in turn.get("tool_calls", ())),
            turn.get("tool_call_id"),
        )
        for turn in asked.get("messages", ())
    ]
    if asked.get("prompt") or asked.get("images"):
        messages.append(Message("user", asked.get("prompt", ""), images(asked.get("images"))))
    return Request(
        messages=tuple(messages),
        system=asked.get("system"),
        max_tokens=int(asked.get("max_tokens") or _MAX_TOKENS),
        temperature=asked.get("temperature"),
        tools=tuple(Tool(**tool) for tool in asked.get("tools", ())),
        schema=asked.get("schema"),
    )


def _repair(said: base.Completion, wrong: Mapping[str, str]) -> list[Message]:
    """The answer and what is wrong with it, as turns of the conversation."""
    answer = Message("assistant", said.text, tool_calls=said.tool_calls)
    if not said.tool_calls:
        return [answer, Message("user", f"{wrong['']} Answer again, with JSON that fits and nothing else.")]
    results = [wrong.get(call.id, "Not done: another wish did not fit.") for call in said.tool_calls]
    return [
        answer,
        *(Message("tool", text, tool_call_id=c.id) for c, text in zip(said.tool_calls, results, strict=True)),
    ]
