"""Which later message answers a question: by what it must hold, by shared words, or because it follows at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .dates import find_due
from .grammar import Act
from .messages import Spoken, content_words, fold
from .people import People
from .sentences import Clause

_LOOK_ON = 200
_NEAR = 4
_NO_ANSWER = re.compile(
    r"\b(?:i don't know|don't know|dunno|no idea|no clue|not sure|good question|me neither|let me (?:check|see)|"
    r"i'll (?:check|ask|find out|look)|nao sei|nao faco ideia|sem ideia|boa pergunta|vou (?:ver|verificar|checar)|"
    r"sei la)\b"
)
_YES_NO = re.compile(
    r"^(?:@?\w+,? )?(?:yes|yep|yeah|no|nope|not (?:yet|really)|sure|only if|of course|already|done|sim|nao|ja|"
    r"isso|claro|ainda nao|"
    r"so se|somente|mandou|foi|pode|tem|temos|tenho)\b"
)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|half|none|um|uma|dois|duas|tres|quatro|cinco|"
    r"seis|sete|oito|"
    r"nove|dez|metade|nenhum)\b"
)
_WHEN = re.compile(
    r"\d|yesterday|tomorrow|today|tonight|now|soon|already|ontem|amanha|hoje|agora|logo|ja\b|january|february|"
    r"march|april|may|"
    r"june|july|august|september|october|november|december|janeiro|fevereiro|marco|abril|maio|junho|julho|agosto|"
    r"setembro|outubro|novembro|dezembro"
)
_WHO = re.compile(r"\b(?:me|i|i'm|i'll|we|us|mine|my|eu|nos|a gente|minha|meu|deixa comigo)\b")
_ASKS = {
    "who": re.compile(r"\b(?:who|whose|quem)\b"),
    "when": re.compile(r"\b(?:when|what time|what day|quando|que horas|que dia|para quando)\b"),
    "number": re.compile(r"\bhow (?:many|much|long|late|often|far)\b|\bquant[oa]s?\b"),
    "other": re.compile(r"\b(?:what|where|why|which|how|que|qual|quais|onde|por que|como|cade)\b"),
}
_SHORT_OF_WORDS = re.compile(r"[^\W_]+")
_BARE = re.compile(r"^(?:ok|okay|thanks|thank you|hm+|hmm|lol|valeu|obrigad[oa]|blz|haha+|kkk+)[.! ]*$")


@dataclass(frozen=True, slots=True)
class Told:
    """A message that may answer: its place, speaker and folded words, and whether it only asks."""

    index: int
    speaker: str
    folded: str
    stems: frozenset[str]
    asks: bool
    text: str


def told_of(index: int, message: Spoken, clauses: Sequence[Clause]) -> Told:
    """A message as a possible answer."""
    said = [clause for clause in clauses if not clause.asks]
    folded = " ".join(clause.folded for clause in said)
    text = " ".join(clause.text for clause in said)
    return Told(index, message.sender, folded, frozenset(content_words(folded)), not said, text)


class Answers:
    """Looks for answers among the messages of one conversation, which may still go on."""

    def __init__(self, people: People, messages: Sequence[Spoken]) -> None:
        self._told: list[Told] = []
        self._places: dict[int, int] = {}
        self._people = people
        self._messages = messages

    def hear(self, told: Told) -> None:
        """Take one more message."""
        self._places[told.index] = len(self._told)
        self._told.append(told)

    def find(self, asked: Act, asker: str) -> Told | None:
        """The message that answers a question; None while it is open."""
        question = asked.clause
        wanted = frozenset(content_words(question.folded))
        kind = _kind(question.folded)
        place = self._places.get(question.index, len(self._told))
        broken = False
        for distance, told in enumerate(self._told[place + 1 : place + 1 + _LOOK_ON], 1):
            if told.speaker == asker:
                # The asker going on: what follows no longer answers by its place alone.
                broken = broken or bool(told.folded and not _BARE.match(told.folded))
                continue
            if told.asks or not told.folded or _BARE.match(told.folded):
                broken = broken or (told.asks and distance > 1) or told.asks
                continue
            if _NO_ANSWER.search(told.folded):
                broken = True
                continue
            if self._answers(kind, wanted, told, near=distance <= _NEAR and not broken):
                return told
            broken = True
        return None

    def _answers(self, kind: str, wanted: frozenset[str], told: Told, *, near: bool) -> bool:
        shared = len(wanted & told.stems)
        fits = self._fits(kind, told)
        if near:
            return fits or shared >= 2
        return (shared >= 2 and (fits or shared * 2 >= len(wanted))) or (shared >= 1 and len(wanted) == 1)

    def _fits(self, kind: str, told: Told) -> bool:
        folded = told.folded
        if kind == "who":
            return bool(_WHO.search(folded)) or bool(self._people.in_text(told.text, fold(told.text)))
        if kind == "when":
            base = self._messages[told.index].at.date()
            return bool(_WHEN.search(folded)) or find_due(folded, base, portuguese=True) is not None
        if kind == "number":
            return bool(_NUMBER.search(folded))
        if kind == "yes_no":
            return bool(_YES_NO.search(folded)) or len(_SHORT_OF_WORDS.findall(folded)) >= 3
        return True


def _kind(folded: str) -> str:
    return next((kind for kind, rule in _ASKS.items() if rule.search(folded[:60])), "yes_no")
