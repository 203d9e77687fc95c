"""Reads a conversation from its first message to the last and keeps what was settled, promised, asked and left open."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from . import rules
from .answers import Answers, Told, told_of
from .dates import find_due
from .found import Item
from .grammar import Act, acts_of, is_joke, nods
from .messages import Spoken, content_words, one_line, overlap
from .pending import Kept, Offer, addressed, is_foreign, is_portuguese, is_request, same_thing
from .people import People
from .sentences import Clause, clauses_of

_NEAR = 4
_REACH = 60
_WORDS = re.compile(r"[^\W_]+")


@dataclass
class Extract:
    """What came out of a conversation. `language` is that of most messages; `people` wrote at least one.

    `foreign` counts messages in a language the grammar does not know.
    """

    items: list[Item]
    people: list[str]
    language: str
    clauses: list[Clause] = field(default_factory=list)
    spoken: int = 0
    foreign: int = 0


def extract(messages: Sequence[Spoken], zone: ZoneInfo, known: Iterable[str] = ()) -> Extract:
    """Everything a conversation settles or leaves open, each with the messages it rests on."""
    speakers = list(dict.fromkeys(each.sender for each in messages if not each.bot))
    reader = _Reader(messages, zone, People([*speakers, *known]), speakers)
    for index, message in enumerate(messages):
        if not message.bot:
            reader.take(index, message)
    items = reader.ended()
    language = "pt" if reader.portuguese * 2 > reader.spoken else "en"
    return Extract(items, speakers, language, reader.clauses, reader.spoken, reader.foreign)


class _Reader:
    def __init__(self, messages: Sequence[Spoken], zone: ZoneInfo, people: People, speakers: list[str]) -> None:
        self._messages = messages
        self._zone = zone
        self._people = people
        self._speakers = speakers
        self._kept: list[Kept] = []
        self._offers: list[Offer] = []
        self._answers = Answers(people, messages)
        self._of_kind: dict[str, list[Kept]] = {}
        self._begins: dict[int, str] = {}
        self._turn = 0
        self._deciding = False
        self._turns: dict[int, int] = {}
        self.clauses: list[Clause] = []
        self.spoken = 0
        self.portuguese = 0
        self.foreign = 0

    def take(self, index: int, message: Spoken) -> None:
        """Read one more message of a person."""
        clauses = clauses_of(index, message)
        if not clauses:
            return
        self.spoken += 1
        self._turn += 1
        self._turns[index] = self._turn
        folded = " ".join(clause.folded for clause in clauses)
        self.portuguese += is_portuguese(folded)
        self.foreign += is_foreign(folded)
        acts = addressed([acts_of(clause, message.sender, self._people) for clause in clauses])
        self._unjoke(clauses, acts)
        self.clauses += clauses
        self._begins[index] = clauses[0].folded
        self._answers.hear(told_of(index, message, clauses))
        made = len(self._kept)
        self._deciding = any(act.kind == "decision" and not act.bare for group in acts for act in group)
        for clause, done in zip(clauses, acts, strict=True):
            for act in done:
                handler = _HANDLERS.get(act.kind)
                if handler:
                    handler(self, act, message, clause)
        if len(self._kept) == made:
            self._late_date(message, clauses)

    def _unjoke(self, clauses: list[Clause], acts: list[list[Act]]) -> None:
        """A "just kidding" of its own takes back the sentence before it, in its message or the speaker's last one."""
        for place, clause in enumerate(clauses):
            if not is_joke(clause.folded) or len(_WORDS.findall(clause.folded)) > 3:
                continue
            if place:
                acts[place - 1] = [Act("nothing", clauses[place - 1])]
                continue
            speaker = self._messages[clause.index].sender
            for kept in self._kept[-2:]:
                if kept.item.speaker == speaker and self._near(kept.index, clause.index, 2):
                    kept.gone = True

    def _near(self, one: int, other: int, most: int = _NEAR) -> bool:
        return self._turns.get(other, 0) - self._turns.get(one, 0) <= most

    def _keep(self, act: Act, message: Spoken, kind: str, **more: object) -> Kept:
        clause = act.clause
        item = Item(
            kind=kind,  # type: ignore[arg-type]
            text=one_line(clause.text),
            messages=[message.id],
            speaker=message.sender,
            at=message.at.isoformat(),
            owner=act.owner,
        )
        stems = frozenset(content_words(clause.folded))
        kept = Kept(item, clause.index, clause, stems, [clause.index], **more)  # type: ignore[arg-type]
        if kind == "action":
            self._date(kept, clause, message)
        self._kept.append(kept)
        self._of_kind.setdefault(kind, []).append(kept)
        return kept

    def _date(self, kept: Kept, clause: Clause, message: Spoken) -> bool:
        base = message.at.astimezone(self._zone).date()
        due = find_due(clause.folded, base, portuguese=is_portuguese(clause.folded))
        if due is None:
            return False
        kept.item.due = due.day.isoformat() if due.day else None
        kept.item.due_words = " ".join(clause.text[due.start : due.end].split())
        kept.item.due_precision = due.precision
        return True

    def _late_date(self, message: Spoken, clauses: list[Clause]) -> None:
        """Who was asked answers with a date alone: "OK, first draft on Friday"."""
        for kept in reversed(self._kept[-6:]):
            mine = kept.item.kind == "action" and kept.item.owner == message.sender and not kept.item.due_words
            if mine and not kept.gone and self._near(kept.index, clauses[0].index, 3):
                for clause in clauses:
                    if not clause.asks and self._date(kept, clause, message):
                        kept.cites.append(clause.index)
                        return

    # What each act does to what is known so far.

    def _decide(self, act: Act, message: Spoken, clause: Clause) -> None:
        stems = frozenset(content_words(clause.folded))
        offers = self._offers_near(clause, message.sender)
        if act.bare and len(stems) <= 1:
            self._approve(act, message, clause, offers)
            return
        fitting = [each for each in offers if overlap(each.stems, stems) or nods(clause.folded)]
        for each in self._live("decision"):
            same = overlap(each.stems, stems)
            again = same >= 2 and same * 3 >= min(len(each.stems), len(stems))
            again = again or (same == len(stems) == 1 and self._near(each.index, clause.index, 3))
            if again and self._near(each.index, clause.index, 8):
                each.cites.append(clause.index)
                each.item.agreed_by.append(message.sender)
                return
        for each in self._live("action")[-6:]:
            if each.pending and each.item.owner is None and overlap(each.stems, stems) >= 2 and not is_request(each):
                # "We have to share people between A and B" was settled by deciding how.
                each.gone = True
        kept = self._keep(act, message, "decision", soft=bool(re.search(r"\blet's\b|\bvamos\b", clause.folded)))
        for offer in fitting:
            self._settle(offer, kept)

    def _approve(self, act: Act, message: Spoken, clause: Clause, offers: list[Offer]) -> None:
        if offers:
            self._adopt(offers[-1], message, clause)

    def _adopt(self, offer: Offer, message: Spoken, clause: Clause) -> None:
        """A proposal becomes a decision because somebody else agrees."""
        source = self._messages[offer.clause.index]
        kept = self._keep(Act("decision", offer.clause), source, "decision")
        kept.cites.append(clause.index)
        kept.item.agreed_by.append(message.sender)
        self._settle(offer, kept)

    @staticmethod
    def _settle(offer: Offer, kept: Kept) -> None:
        offer.done = True
        if offer.clause.index not in kept.cites:
            kept.cites.append(offer.clause.index)
        if offer.question is not None:
            offer.question.settled_at = kept.index if kept.index != offer.clause.index else kept.cites[1]

    def _offers_near(self, clause: Clause, speaker: str) -> list[Offer]:
        return [
            each
            for each in self._offers[-6:]
            if not each.done and self._near(each.clause.index, clause.index) and each.clause.index != clause.index
        ]

    def _propose(self, act: Act, message: Spoken, clause: Clause) -> None:
        self._offers.append(Offer(clause, message.sender, stems=frozenset(content_words(clause.folded))))

    def _agree(self, act: Act, message: Spoken, clause: Clause) -> None:
        decisions = [each for each in self._live("decision")[-3:] if each.item.speaker != message.sender]
        for each in decisions[-1:]:
            if self._near(each.index, clause.index, 3) and message.sender not in each.item.agreed_by:
                each.item.agreed_by.append(message.sender)
                each.cites.append(clause.index)
        offers = [each for each in self._offers_near(clause, message.sender) if each.speaker != message.sender]
        if not offers or (decisions and decisions[-1].index >= offers[-1].clause.index):
            return
        # Who agrees in words of their own is heard as a decision where they say it.
        last = offers[-1]
        at_once = last.question is None or rules.PROPOSED.search(last.clause.folded) is not None
        at_once = at_once or self._near(last.clause.index, clause.index, 2)
        if act.bare and not self._deciding and at_once and (act.strong or last.question is None):
            self._adopt(offers[-1], message, clause)

    def _object(self, act: Act, message: Spoken, clause: Clause) -> None:
        for each in self._live("decision")[-2:]:
            fresh = each.soft and self._near(each.index, clause.index, 1) and not each.item.agreed_by
            if fresh and each.item.speaker != message.sender:
                each.gone = True
        for offer in self._offers_near(clause, message.sender):
            if offer.speaker != message.sender and self._near(offer.clause.index, clause.index, 2):
                offer.done = True

    def _reverse(self, act: Act, message: Spoken, clause: Clause) -> None:
        """The decision that is taken back is the one that shares most words; what replaces it may be said at once."""
        live = [
            each
            for each in self._live("decision")
            if each.index != clause.index and self._near(each.index, clause.index, 40)
        ]
        if live:
            stems = frozenset(content_words(clause.folded))
            taken_back = max(live, key=lambda each: (overlap(each.stems, stems), each.index))
            taken_back.gone = True
            if overlap(taken_back.stems, stems) >= 2 and not self._says_more(clause, message):
                self._keep(Act("decision", clause), message, "decision")

    def _says_more(self, clause: Clause, message: Spoken) -> bool:
        return any(act.kind == "decision" for act in acts_of(clause, message.sender, self._people))

    def _withdraw(self, act: Act, message: Spoken, clause: Clause) -> None:
        for each in reversed(self._live("question")):
            if each.item.speaker == message.sender and self._near(each.index, clause.index, 20):
                if self._answer_of(each) is None:
                    each.gone = True
                return

    def _requests(self, clause: Clause, speaker: str, most: int = _NEAR) -> list[Kept]:
        return [
            each
            for each in self._live("action")[-6:]
            if each.pending
            and each.item.owner in (None, speaker)
            and (each.item.speaker != speaker or each.item.owner is None)
            and self._near(each.index, clause.index, most)
            and each.index != clause.index
        ]

    def _refuse(self, act: Act, message: Spoken, clause: Clause) -> None:
        for each in self._requests(clause, message.sender, 2)[-1:]:
            if each.item.speaker != message.sender:
                each.gone = True

    def _accept(self, act: Act, message: Spoken, clause: Clause) -> None:
        for each in self._requests(clause, message.sender, 6)[-1:]:
            # A bare "yes" to "someone has to" agrees; it takes nothing on.
            agrees = rules.BARE_YES.match(clause.folded) and not is_request(each)
            if each.item.speaker != message.sender and not agrees:
                self._take_on(each, message, clause)

    def _done(self, act: Act, message: Spoken, clause: Clause) -> None:
        mine = [each for each in self._live("action")[-4:] if each.item.owner in (None, message.sender)]
        for each in mine[-1:]:
            if self._near(each.index, clause.index) and each.index != clause.index:
                each.item.owner, each.item.done, each.pending = message.sender, True, False
                each.cites.append(clause.index)

    def _take_on(self, kept: Kept, message: Spoken, clause: Clause) -> None:
        kept.item.owner = message.sender
        kept.pending = False
        kept.cites.append(clause.index)
        if not kept.item.due_words:
            self._date(kept, clause, message)

    def _promise(self, act: Act, message: Spoken, clause: Clause) -> None:
        stems = frozenset(content_words(clause.folded))
        short = len(_WORDS.findall(clause.folded)) <= 3
        begins = self._begins[clause.index]
        fresh = [
            each for each in self._live("action")[-4:] if each.index != clause.index and clause.index in each.cites
        ]
        for each in reversed([*self._requests(clause, message.sender), *fresh]):
            offered = rules.ANYBODY.search(each.clause.folded) and self._near(each.index, clause.index, 1)
            told = offered or (nods(begins) and is_request(each))
            if short or told or each in fresh or same_thing(each.stems, stems):
                self._take_on(each, message, clause)
                return
        self._keep(act, message, "action")

    def _assign(self, act: Act, message: Spoken, clause: Clause) -> None:
        stems = frozenset(content_words(clause.folded))
        for each in reversed(self._live("action")[-6:]):
            known = each.pending and each.item.owner is None and self._near(each.index, clause.index)
            if known and same_thing(each.stems, stems):
                each.item.owner, each.pending = act.owner, False
                each.cites.append(clause.index)
                return
        self._keep(act, message, "action", pending=True)

    def _ask_for(self, act: Act, message: Spoken, clause: Clause) -> None:
        self._keep(act, message, "action", pending=True)

    def _ask(self, act: Act, message: Spoken, clause: Clause) -> None:
        kept = self._keep(act, message, "question", asked=act)
        if act.strong:
            self._offers.append(Offer(clause, message.sender, kept, stems=kept.stems))

    def _block(self, act: Act, message: Spoken, clause: Clause) -> None:
        self._keep(act, message, "blocker")

    def _unblock(self, act: Act, message: Spoken, clause: Clause) -> None:
        stems = frozenset(content_words(clause.folded))
        for each in reversed(self._live("blocker")):
            if overlap(each.stems, stems) or each.item.speaker == message.sender:
                each.gone = True
                return

    def _postpone(self, act: Act, message: Spoken, clause: Clause) -> None:
        self._keep(act, message, "postponed")

    def _live(self, kind: str) -> list[Kept]:
        """The last items of a kind that still stand: what lies further back is not changed any more."""
        return [each for each in self._of_kind.get(kind, [])[-_REACH:] if not each.gone]

    def _standing(self, kind: str) -> list[Kept]:
        return [each for each in self._of_kind.get(kind, []) if not each.gone]

    def _answer_of(self, kept: Kept) -> Told | None:
        assert kept.asked is not None
        return self._answers.find(kept.asked, kept.item.speaker)

    def ended(self) -> list[Item]:
        """The items once everything was read: questions with their answers, requests with who must be meant."""
        for kept in self._standing("question"):
            told = self._answer_of(kept)
            if kept.settled_at is not None and (told is None or told.index >= kept.settled_at):
                # The question has become the decision.
                kept.gone = True
            elif told is not None:
                kept.item.kind, kept.item.answer = "answered", told.text
                kept.cites.append(told.index)
        if len(self._speakers) == 2:
            for kept in self._standing("action"):
                if kept.item.owner is None and kept.asked is None and kept.pending and is_request(kept):
                    kept.item.owner = next(name for name in self._speakers if name != kept.item.speaker)
        for kept in self._kept:
            kept.item.messages = [self._messages[index].id for index in dict.fromkeys(kept.cites)]
        return [kept.item for kept in self._kept if not kept.gone]


_HANDLERS: dict[str, Callable[[_Reader, Act, Spoken, Clause], None]] = {
    "decision": _Reader._decide,
    "proposal": _Reader._propose,
    "agreement": _Reader._agree,
    "objection": _Reader._object,
    "reversal": _Reader._reverse,
    "withdrawn": _Reader._withdraw,
    "refusal": _Reader._refuse,
    "acceptance": _Reader._accept,
    "done": _Reader._done,
    "promise": _Reader._promise,
    "assigned": _Reader._assign,
    "request": _Reader._ask_for,
    "need": _Reader._ask_for,
    "question": _Reader._ask,
    "blocker": _Reader._block,
    "unblocked": _Reader._unblock,
    "postponed": _Reader._postpone,
}
