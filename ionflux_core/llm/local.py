"""The built-in engine: it quotes the sentences that carry a text. It generates nothing, needs no key and no network."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Sequence
from functools import cache

from ionflux_core.llm import base, failures

NAME = "extractive-tfidf"
VERSION = "1"
MOST_SENTENCES = 5
_SHARE = 0.3
_MOST_CONSIDERED = 400
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_PIECE = re.compile(r"\S+\s*|\s+")
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)]|#{1,6})\s+")
# A sentence ends at a mark followed by a blank and a capital, digit or quote: "e.g. this" and "3.5" stay whole.
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-ZÀ-ÞА-Я0-9¿¡])")
_STOP_WORDS = """
a about after all also am an and any are as at be because been before being but by can could did do does for from had
has have he her here him his how i if in into is it its just me more most my no nor not now of off on once only or other
our out over own s she should so some such t than that the their them then there these they this those through to too
under until up very was we were what when where which while who whom why will with would you your
"""


class LocalModel:
    """Answers a prompt with its own most telling sentences, in their order; the same prompt gives the same answer."""

    provider = "local"
    name = NAME
    base_url = None

    def complete(
        self,
        request: base.Request,
        *,
        time_limits: base.TimeLimits = base.TIME_LIMITS,
        on_text: base.OnText | None = None,
    ) -> base.Completion:
        """An extract of what persons and tools said, of at most `max_tokens` words; tools are never asked for.

        Temperature and time limits change nothing. What cannot be quoted is refused: filled forms, and pictures.
        """
        if request.schema is not None:
            raise failures.cannot("The local engine quotes texts and cannot fill in a form.")
        if any(message.images for message in request.messages):
            raise failures.cannot("The local engine quotes texts and sees no pictures.")
        started = time.perf_counter()
        prompt = "\n".join(message.text for message in request.messages if message.role != "assistant")
        text = summarise(prompt, max_words=request.max_tokens)
        if on_text is not None:
            for piece in _PIECE.findall(text):
                on_text(piece)
        return base.Completion(
            text=text,
            provider=self.provider,
            model=self.name,
            tokens_in=len(words(prompt)) + len(words(request.system or "")),
            tokens_out=len(words(text)),
            cached_tokens=0,
            cost_micros=0,
            price=None,
            latency_ms=(time.perf_counter() - started) * 1000,
            finish_reason="stop",
            engine={"kind": "local", "name": NAME, "version": VERSION, "seed": None},
        )

    def embed(self, texts: Sequence[str], *, time_limits: base.TimeLimits = base.TIME_LIMITS) -> base.Embedded:
        """Words and pairs of words hashed into 256 places: alike is what shares words."""
        from ionflux_core.memory import HashingEmbedder

        started, embedder = time.perf_counter(), HashingEmbedder()
        vectors = embedder.embed(texts)
        latency = (time.perf_counter() - started) * 1000
        return base.Embedded(vectors, self.provider, embedder.id, sum(map(len, map(words, texts))), 0, None, latency)


def summarise(text: str, *, sentences: int | None = None, max_words: int = base.MAX_TOKENS) -> str:
    """The sentences that say most, in their order and unchanged: about a third of them, at most five.

    A sentence ranks by the sum of the tf-idf weights of its words, with each sentence as a document, over the square
    root of its length (after Luhn 1958 and Spärck Jones 1972); earlier sentences win ties. A sentence longer than what
    is left of `max_words` is left out.
    """
    found = split_sentences(text)[:_MOST_CONSIDERED]
    wanted = sentences or min(MOST_SENTENCES, max(1, math.ceil(len(found) * _SHARE)))
    scores = _scores(found)
    chosen: list[int] = []
    left = max_words
    for index in sorted(range(len(found)), key=lambda index: (-scores[index], index)):
        length = len(words(found[index]))
        if len(chosen) < wanted and 0 < length <= left:
            chosen.append(index)
            left -= length
    return " ".join(found[index] for index in sorted(chosen))


def split_sentences(text: str) -> list[str]:
    """The distinct sentences and list items of a text, in their order, without list marks."""
    lines = (_LIST_MARK.sub("", line) for line in text.splitlines())
    parts = (part.strip() for line in lines for part in _SENTENCE_END.split(line))
    return list(dict.fromkeys(part for part in parts if part))


def words(text: str) -> list[str]:
    """The words of a text as they are written."""
    return _WORD.findall(text)


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(_STOP_WORDS.split())


def _terms(text: str) -> list[str]:
    stop = _stop_words()
    return [word for word in (written.casefold() for written in words(text)) if word not in stop and len(word) > 1]


def _scores(sentences: Sequence[str]) -> list[float]:
    documents = [Counter(_terms(sentence)) for sentence in sentences]
    spread = Counter(term for document in documents for term in document)
    whole = Counter(term for document in documents for term in document.elements())
    total = len(documents)

    def weight(term: str) -> float:
        # Smoothed, so that a word shared by all sentences, or a lone sentence, still counts.
        return whole[term] * (math.log((1 + total) / (1 + spread[term])) + 1)

    return [
        sum(weight(term) for term in document) / math.sqrt(sum(document.values())) if document else 0.0
        for document in documents
    ]
