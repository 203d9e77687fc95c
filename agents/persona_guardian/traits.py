"""What can be said of a voice in words: its own words and phrases, how it opens and closes, its emoji, its rhythm."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .background import Piece
from .texts import emoji, sentences, words

_LEAST_IN = 3
_COMMON_SHARE = 0.08
_WORDS_SHOWN = 40
_OPENING = re.compile(r"^([^\W\d_]+(?:['’][^\W\d_]+)?(?: [^\W\d_]+(?:['’][^\W\d_]+)?){0,2})([,!…:]+|\.\.\.)\s")
_TAG = re.compile(r", ([^\W\d_]+(?: [^\W\d_]+)?)(?=\s?[!.?])")
# An offer is a claim and no habit of speech, however often it was made.
_CLAIMS = {
    "free", "sale", "discount", "off", "half", "price", "guaranteed", "today", "tomorrow", "new",
    "grátis", "gratis", "promoção", "desconto", "preço", "metade", "hoje", "amanhã", "novo", "nova",
}  # fmt: skip


def traits(texts: Sequence[str], others: Sequence[Piece]) -> dict[str, Any]:
    """Lexicon, phrases, emoji and rhythm of a voice, against how others write."""
    own = [set(words(text)) for text in texts]
    least = max(_LEAST_IN, math.ceil(0.05 * len(texts)))
    lengths = sorted(len(words(sentence)) for text in texts for sentence in sentences(text)) or [0]
    mine = set(texts)
    neighbours = _neighbours(own, [piece for piece in others if piece.text not in mine])
    return {
        "lexicon": _lexicon(own, [piece for voice in neighbours.values() for piece in voice], least),
        "rarely": _rarely(own, neighbours),
        "common": _common(own),
        "background_share": _background_share(texts, others),
        "openings": _phrases((_opening(text) for text in texts), least),
        "tags": _phrases((tag for text in texts for tag in dict.fromkeys(_TAG.findall(text))), least),
        "emoji": _emoji(texts),
        "rhythm": {
            "sentence_words_mean": round(sum(lengths) / len(lengths), 1),
            "sentence_words_usual": [lengths[len(lengths) // 10], lengths[len(lengths) * 9 // 10]],
            "piece_words_mean": round(sum(len(words(text)) for text in texts) / len(texts), 1),
            "exclamations_per_piece": round(sum(text.count("!") for text in texts) / len(texts), 2),
        },
    }


def _lexicon(own: list[set[str]], others: list[set[str]], least: int) -> list[dict[str, Any]]:
    """Words in several own pieces and seldom elsewhere, the most telling first."""
    mine = Counter(word for piece in own for word in piece)
    theirs = Counter(word for piece in others for word in piece)
    found = []
    for word, count in mine.items():
        share, usual = count / len(own), theirs[word] / max(len(others), 1)
        telling = share * math.log((share + 0.01) / (usual + 0.01))
        if count >= least and share > 2 * usual:
            found.append((telling, word, count))
    found.sort(key=lambda item: (-item[0], item[1]))
    return [{"word": word, "pieces": count} for _, word, count in found[:_WORDS_SHOWN]]


def _common(own: list[set[str]]) -> list[str]:
    """The words a language cannot do without, as far as this voice uses them: those in every tenth own piece."""
    counts = Counter(word for piece in own for word in piece)
    return [word for word, n in counts.most_common(120) if n >= max(2, 0.1 * len(own))]


def _background_share(texts: Sequence[str], others: Sequence[Piece]) -> float:
    """The share of the own words that the other voices know; hardly any when none of them writes that language."""
    known = set().union(*(words(piece.text) for piece in others))
    said = [word for text in texts for word in words(text)]
    return round(sum(word in known for word in said) / max(len(said), 1), 3)


def in_same_language(text: str, known: dict[str, Any]) -> bool:
    """Whether a text uses enough of the voice's most usual words to be in its language."""
    said, common = words(text), set(known["common"])
    return sum(word in common for word in said) >= _COMMON_SHARE * len(said)


def _neighbours(own: list[set[str]], others: Sequence[Piece]) -> dict[str, list[set[str]]]:
    """The voices that share much of the vocabulary, so that another language's words are not called avoided."""
    mine = Counter(word for piece in own for word in piece)
    voices: dict[str, list[set[str]]] = {}
    for piece in others:
        voices.setdefault(piece.voice, []).append(set(words(piece.text)))
    shared = {
        name: sum(mine[word] for word in set().union(*pieces)) / max(mine.total(), 1) for name, pieces in voices.items()
    }
    best = max(shared.values(), default=0.0)
    return {name: voices[name] for name, share in shared.items() if share >= 0.6 * best}


def _rarely(own: list[set[str]], neighbours: dict[str, list[set[str]]]) -> list[str]:
    """Words that at least two voices of the same language use often and this one never."""
    used = set().union(*own)
    pieces = [piece for voice in neighbours.values() for piece in voice]
    counts = Counter(word for piece in pieces for word in piece)
    found = []
    for word, count in counts.items():
        voices = sum(any(word in piece for piece in voice) for voice in neighbours.values())
        if word not in used and voices >= 2 and count >= max(3, 0.03 * len(pieces)):
            found.append((-count, word))
    return [word for _, word in sorted(found)[:20]]


def _opening(text: str) -> str:
    """The short phrase a text begins with when a mark parts it from the rest, such as `Okay so,`."""
    found = _OPENING.match(text)
    return f"{found[1]}{found[2]}" if found else ""


def _phrases(found: Any, least: int) -> list[dict[str, Any]]:
    counts = Counter(phrase for phrase in found if phrase and _is_habit(phrase))
    return [{"phrase": phrase, "pieces": n} for phrase, n in counts.most_common(8) if n >= least]


def _is_habit(phrase: str) -> bool:
    """Whether a phrase carries no claim and no name: only its first letter may be a capital."""
    said = words(phrase)
    return not _CLAIMS & set(said) and not any(c.isupper() for c in phrase[1:]) and not any(map(str.isdigit, phrase))


def _emoji(texts: Sequence[str]) -> dict[str, Any]:
    found = [emoji(text) for text in texts]
    counts = Counter(sign for signs in found for sign in dict.fromkeys(signs))
    using = [signs for signs in found if signs]
    return {
        "share_of_pieces": round(len(using) / len(texts), 3),
        "per_piece": round(sum(map(len, found)) / len(texts), 2),
        "favourites": [{"emoji": sign, "pieces": n} for sign, n in counts.most_common(8) if n >= 2],
    }
