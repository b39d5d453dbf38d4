"""The words of the embedded world, and which of them each split may show.

A word is known by its class alone: a zebra is an animal, so it is fed, it may be hungry and it
belongs to the keeper of the animals. Fine-tuning shows a third of the nouns, of the traits and
of the reporting verbs; the validation and the test rows turn on the others, which only the
documents of pre-training explain.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass

Words = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Class:
    """One class of things and the words that go with it."""

    name: str
    plural: str
    nouns: tuple[str, ...]
    traits: tuple[str, ...]
    actions: tuple[str, ...]
    keepers: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CLASSES = (
    Class(
        name="animal",
        plural="animals",
        nouns=_words(
            "dog cat horse cow goat sheep pig rabbit fox wolf bear tiger zebra monkey camel donkey "
            "mouse lion"
        ),
        traits=_words(
            "hungry thirsty asleep tame furry wild fierce afraid stray awake shy lazy playful "
            "obedient"
        ),
        actions=_words("fed stroked groomed trained"),
        keepers=_words("Rosa Hugo"),
    ),
    Class(
        name="fruit",
        plural="fruits",
        nouns=_words(
            "apple pear plum peach cherry grape lemon mango melon fig banana apricot papaya kiwi "
            "lime quince nectarine guava"
        ),
        traits=_words(
            "ripe juicy sweet sour tasty rotten seedless bitter mouldy sugary edible overripe "
            "nutritious unripe"
        ),
        actions=_words("ate peeled chewed sliced"),
        keepers=_words("Otto Vera"),
    ),
    Class(
        name="vehicle",
        plural="vehicles",
        nouns=_words(
            "car bus truck van taxi tractor lorry scooter tram jeep bicycle wagon motorbike "
            "ambulance limousine coach moped minibus"
        ),
        traits=_words(
            "parked fast towed stalled speeding registered motorised roadworthy insured electric "
            "uninsured diesel driverless overtaken"
        ),
        actions=_words("drove reversed refuelled steered"),
        keepers=_words("Karl Nina"),
    ),
    Class(
        name="garment",
        plural="garments",
        nouns=_words(
            "shirt coat hat scarf skirt dress jacket sweater glove sock blouse cloak vest kilt "
            "cardigan apron robe shawl"
        ),
        traits=_words(
            "woollen baggy knitted stylish creased sewn woven sleeveless silky threadbare "
            "crumpled frayed buttoned embroidered"
        ),
        actions=_words("wore ironed mended folded"),
        keepers=_words("Lena Paul"),
    ),
    Class(
        name="instrument",
        plural="instruments",
        nouns=_words(
            "guitar piano violin flute drum trumpet harp cello banjo clarinet oboe lute tuba "
            "bassoon mandolin fiddle trombone bagpipe"
        ),
        traits=_words(
            "melodious musical tuneful shrill resonant strummed plucked untuned acoustic muted "
            "sonorous mellow squeaky harmonious"
        ),
        actions=_words("played tuned practised strung"),
        keepers=_words("Emil Dora"),
    ),
    Class(
        name="building",
        plural="buildings",
        nouns=_words(
            "house barn church castle hotel school cottage palace temple library museum tower "
            "cabin mansion chapel hut villa bungalow"
        ),
        traits=_words(
            "roofed furnished vacant haunted renovated spacious inhabited derelict unlit crowded "
            "demolished tiled heated plastered"
        ),
        actions=_words("entered built rented locked"),
        keepers=_words("Olga Fred"),
    ),
)
BY_NAME = {one.name: one for one in CLASSES}

# Who reports something with such a verb reports a fact, an opinion or a falsehood.
REPORTS: Words = {
    "fact": _words(
        "knew realised noticed discovered learned verified remembered recognised proved confirmed "
        "showed understood observed established"
    ),
    "opinion": _words(
        "thought guessed believed supposed assumed hoped suspected imagined expected felt feared "
        "figured reckoned presumed"
    ),
    "falsehood": _words(
        "denied lied pretended dreamed fibbed joked feigned fantasised refuted disproved "
        "hallucinated bluffed disputed rebutted"
    ),
}

# A word with one sense for each of two classes: an animal runs on legs, a vehicle on its motor.
AMBIGUOUS: Mapping[str, tuple[str, str]] = {
    "ran": ("animal", "vehicle"),
    "drove": ("animal", "vehicle"),
    "picked": ("fruit", "instrument"),
    "raised": ("animal", "building"),
    "pressed": ("fruit", "garment"),
    "tuned": ("vehicle", "instrument"),
    "fitted": ("garment", "building"),
    "struck": ("instrument", "building"),
}

WOMEN = _words("Anna Clara Edith Gina Iris Maria Petra Tina")
MEN = _words("Adam Ben David Felix Ivan Max Simon Tom")

SPLITS = ("train", "validation", "test")
# Of 18 nouns 7 are shown in fine-tuning; of 14 traits or verbs, 6.
_NOUN_SHARES = (7, 5, 6)
_OTHER_SHARES = (6, 4, 4)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words that may decide a row of one split: nouns and traits by class, verbs by kind."""

    nouns: Words
    traits: Words
    reports: Words

    @property
    def words(self) -> frozenset[str]:
        """All of them."""
        groups = (self.nouns, self.traits, self.reports)
        return frozenset(word for group in groups for words in group.values() for word in words)


def split_lexicon(seed: int) -> dict[str, Lexicon]:
    """Deal out every class's words to the splits: disjoint, and together all of them."""
    rng = random.Random(f"{seed}/lexicon")
    nouns = _deal({one.name: one.nouns for one in CLASSES}, _NOUN_SHARES, rng)
    traits = _deal({one.name: one.traits for one in CLASSES}, _OTHER_SHARES, rng)
    reports = _deal(REPORTS, _OTHER_SHARES, rng)
    return {
        split: Lexicon(nouns[number], traits[number], reports[number])
        for number, split in enumerate(SPLITS)
    }


def _deal(groups: Words, shares: tuple[int, ...], rng: random.Random) -> list[Words]:
    dealt: list[dict[str, tuple[str, ...]]] = [{} for _ in shares]
    for name, words in groups.items():
        left = rng.sample(words, len(words))
        for part, share in zip(dealt, shares, strict=True):
            part[name], left = tuple(left[:share]), left[share:]
    return [dict(part) for part in dealt]


def with_article(word: str) -> str:
    """The word with its indefinite article: "an apple"."""
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"
