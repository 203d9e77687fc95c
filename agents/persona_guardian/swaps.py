"""Ways to say the same: words that may stand for each other, and empty frames that may go without a loss.

Which of them a voice prefers is never decided here: every exchange is scored with the voice's own fingerprint.
"""

from __future__ import annotations

import re
from functools import cache

# Either may stand for the other.
EITHER: tuple[tuple[str, str], ...] = (
    ("do not", "don't"), ("does not", "doesn't"), ("did not", "didn't"), ("is not", "isn't"), ("are not", "aren't"),
    ("was not", "wasn't"), ("were not", "weren't"), ("cannot", "can't"), ("could not", "couldn't"),
    ("would not", "wouldn't"), ("should not", "shouldn't"), ("will not", "won't"), ("has not", "hasn't"),
    ("have not", "haven't"), ("we are", "we're"), ("you are", "you're"), ("they are", "they're"),
    ("there is", "there's"), ("i am", "I'm"), ("we will", "we'll"), ("you will", "you'll"), ("i will", "I'll"),
    ("they will", "they'll"), ("we have been", "we've been"), ("i have been", "I've been"), ("hello", "hi"),
    ("thank you", "thanks"), ("children", "kids"), ("perhaps", "maybe"), ("to purchase", "to buy"),
    ("everyone", "everybody"), ("currently", "right now"), ("currently", "at the moment"), ("ensure", "make sure"),
    ("lots of", "plenty of"), ("we apologise for", "we're sorry for"), ("we apologize for", "we're sorry for"),
    ("beautiful", "lovely"), ("wonderful", "lovely"), ("excellent", "brilliant"), ("immediately", "right away"),
    ("está", "tá"), ("estou", "tô"), ("estava", "tava"), ("para", "pra"), ("para o", "pro"), ("você", "cê"),
    ("vocês", "cês"), ("olá", "oi"), ("depressa", "rapidinho"), ("também", "igualmente"), ("começar", "iniciar"),
)  # fmt: skip

# The plainer word may stand for the stiffer one; the way back would often say something else.
ONE_WAY: dict[str, tuple[str, ...]] = {
    "it is": ("it's",), "that is": ("that's",), "we would": ("we'd",), "in order to": ("to",), "utilize": ("use",),
    "utilise": ("use",), "commence": ("start", "begin"), "commences": ("starts", "begins"), "assist": ("help",),
    "require": ("need",), "requires": ("needs",), "obtain": ("get",), "additional": ("more", "extra"),
    "approximately": ("about", "roughly"), "sufficient": ("enough",), "prior to": ("before",),
    "subsequent to": ("after",), "regarding": ("about",), "concerning": ("about",), "would like to": ("want to",),
    "wish to": ("want to",), "delighted": ("so happy", "thrilled", "over the moon"), "pleased": ("happy", "glad"),
    "small": ("little", "tiny"), "large": ("big",), "many": ("lots of",), "a lot of": ("lots of",),
    "attempt to": ("try to",), "select": ("choose", "pick"), "completed": ("finished",), "remain": ("stay",),
    "remains": ("stays",), "visit us": ("pop in", "come by", "drop in"), "visit our shop": ("pop in", "come by"),
    "contact us": ("get in touch", "message us", "give us a shout"), "however,": ("but",), "therefore,": ("so",),
    "consequently,": ("so",), "furthermore,": ("also,",), "in addition,": ("also,",), "although": ("though",),
    "upon": ("on",), "possess": ("have",), "difficult": ("hard",), "purchased": ("bought",), "until": ("till",),
    "whilst": ("while",), "shall": ("will",), "we apologise for": ("sorry for",),
    "we apologize for": ("sorry for",), "for the inconvenience": ("for the trouble",),
    "please do not hesitate to": ("just",), "we would like to thank you": ("thank you",),
    "thank you very much": ("thank you so much", "thanks a lot"), "solicitamos que": ("pedimos que",),
    "para a": ("pra",), "adquirir": ("comprar",), "utilizar": ("usar",), "necessita de": ("precisa de",),
    "necessitam de": ("precisam de",), "realizar": ("fazer",), "efectuar": ("fazer",), "efetuar": ("fazer",),
    "no entanto,": ("mas", "só que"), "entretanto,": ("mas", "só que"), "contudo,": ("mas",), "portanto": ("então",),
    "apenas": ("só",), "somente": ("só",), "encontra-se": ("está", "tá"), "possui": ("tem",), "possuem": ("têm",),
    "deseja": ("quer",), "desejam": ("querem",), "finalizar": ("terminar", "acabar"), "imediatamente": ("na hora",),
    "excelente": ("ótimo", "maravilhoso"), "recomenda-se": ("recomendo",), "muitos": ("um monte de",),
}  # fmt: skip

# `to thank you` and `many thanks` are no thanks given on the spot.
_NOT_AFTER = {
    "thank you": ("to", "will", "would", "must", "can", "and", "we", "i", "not"),
    "thanks": ("many", "with", "our", "my", "give", "your", "the"),
    "many": ("how", "so", "too", "as", "very", "not", "that", "these", "those", "the"),
    "small": ("very", "too", "so"),
    "large": ("by and", "at"),
    "upon": ("once",),
    "thank you very much": ("to", "will", "would", "must", "can", "and", "we", "i", "not"),
}

# What says nothing by itself: an empty frame, or a word that only weighs.
FILLERS: tuple[str, ...] = (
    "please note that ", "it should be noted that ", "we would like to inform you that ", "we wish to inform you that ",
    "as a matter of fact, ", "in fact, ", "basically, ", "actually, ", "simply ",
    "gostaríamos de informar que ", "informamos que ", "vale ressaltar que ", "cabe destacar que ", "basicamente, ",
    "na verdade, ", "we are pleased to inform you that ", "we are happy to inform you that ", "we inform you that ",
    "please be advised that ", "kindly ", "temos o prazer de informar que ", "cumpre informar que ", "comunicamos que ",
)  # fmt: skip


@cache
def exchanges() -> dict[str, tuple[str, ...]]:
    """For each word or phrase, in small letters, what may stand for it."""
    found: dict[str, dict[str, None]] = {}
    for one, other in EITHER:
        found.setdefault(one.lower(), {})[other] = None
        found.setdefault(other.lower(), {})[one] = None
    for stiff, plain in ONE_WAY.items():
        found.setdefault(stiff, {}).update(dict.fromkeys(plain))
    return {word: tuple(others) for word, others in found.items()}


def fits_after(word: str, before: str) -> bool:
    """Whether a word may be exchanged behind this text."""
    return not any(before.lower().rstrip().endswith(f" {other}") for other in _NOT_AFTER.get(word.lower(), ()))


@cache
def finder() -> re.Pattern[str]:
    """Finds everything that may be exchanged, the longest first."""
    members = sorted(exchanges(), key=len, reverse=True)
    alternatives = "|".join(re.escape(member) for member in members)
    return re.compile(rf"(?<![\w'’-])(?:{alternatives})(?![\w'’-])", re.IGNORECASE)


@cache
def filler_finder() -> re.Pattern[str]:
    """Finds every filler with the blank behind it."""
    return re.compile(rf"(?<![\w'’-])(?:{'|'.join(map(re.escape, FILLERS))})(?=\w)", re.IGNORECASE)
