"""The documents of the embedded world: what pre-training reads.

Every document is one line of one or two plain sentences about one or two words. They say what
class a word is of and what goes with the class, and they set the fitting beside the unfitting
("she played the harp, she did not eat it"), without which a small model never learns to tell
the two apart.
"""

import random
from collections.abc import Callable

from t2t.quickstart.lexicon import (
    AMBIGUOUS,
    BY_NAME,
    CLASSES,
    MEN,
    REPORTS,
    WOMEN,
    Class,
    with_article,
)

Writer = Callable[[random.Random], str]


def person(rng: random.Random) -> tuple[str, str]:
    """A name and its pronoun."""
    if rng.random() < 0.5:
        return rng.choice(WOMEN), "she"
    return rng.choice(MEN), "he"


def two_classes(rng: random.Random) -> tuple[Class, Class]:
    """Two different classes."""
    first, second = rng.sample(CLASSES, 2)
    return first, second


def kinds(rng: random.Random) -> str:
    """What class a noun is of."""
    kind, other = two_classes(rng)
    noun = rng.choice(kind.nouns)
    return rng.choice(
        (
            f"The {noun} is {with_article(kind.name)}.",
            f"{with_article(noun).capitalize()} is {with_article(kind.name)}, "
            f"not {with_article(other.name)}.",
            f"Is the {noun} {with_article(kind.name)}? Yes, it is {with_article(kind.name)}.",
            f"Is the {noun} {with_article(other.name)}? No, it is {with_article(kind.name)}.",
        )
    )


def portraits(rng: random.Random) -> str:
    """One thing, its class and what goes with it, and nothing of another class."""
    kind = rng.choice(CLASSES)
    name, _ = person(rng)
    noun, second = rng.sample(kind.nouns, 2)
    one, two = rng.sample(kind.traits, 2)
    action, keeper = rng.choice(kind.actions), rng.choice(kind.keepers)
    return rng.choice(
        (
            f"{name} {action} the {noun}, {with_article(f'{one} {kind.name}')}.",
            f"The {noun} is {with_article(f'{one} {kind.name}')}. It belongs to {keeper}.",
            f"{keeper} keeps {kind.plural}: {with_article(noun)} and {with_article(second)}.",
            f"The {noun} was {one} and {two}. {keeper} {action} it.",
            f"{name} {action} {with_article(noun)} and {with_article(second)}. Both were {one}.",
            f"Among the {kind.plural} were {with_article(noun)} and one {one} {second}.",
        )
    )


def bought(rng: random.Random) -> str:
    """A noun and its class in an event."""
    kind, other = two_classes(rng)
    name, pronoun = person(rng)
    noun = rng.choice(kind.nouns)
    return rng.choice(
        (
            f"{name} bought a new {noun}. So {pronoun} bought {with_article(kind.name)}, "
            f"not {with_article(other.name)}.",
            f"Did {name} buy {with_article(kind.name)}? Yes, {pronoun} bought the {noun}.",
            f"Did {name} buy {with_article(other.name)}? No, {pronoun} bought the {noun}.",
            f"{name} wanted the {noun} because {pronoun} liked {kind.plural}, not {other.plural}.",
        )
    )


def traits(rng: random.Random) -> str:
    """What a thing of a class may be like."""
    kind, other = two_classes(rng)
    noun = rng.choice(kind.nouns)
    one, two = rng.sample(kind.traits, 2)
    wrong = rng.choice(other.traits)
    return rng.choice(
        (
            f"The {noun} was {one} and {two}.",
            f"The {kind.name} was {one} and {two}.",
            f"Was the {noun} {one}? Yes, the {kind.name} was {one}.",
            f"Was the {noun} {wrong}? No, {with_article(kind.name)} is not {wrong}.",
            f"The {noun} was {one}, but the {rng.choice(other.nouns)} was {wrong}.",
        )
    )


def which(rng: random.Random) -> str:
    """Which of two classes a trait goes with."""
    kind, other = two_classes(rng)
    trait = rng.choice(kind.traits)
    first, second = rng.sample((kind, other), 2)
    name, _ = person(rng)
    return rng.choice(
        (
            f"{name} left the {first.name} near the {second.name}. The {kind.name} was {trait}.",
            f"Which was {trait}, the {first.name} or the {second.name}? The {kind.name}.",
            f"The {first.name} or the {second.name} was {trait}: the {kind.name}.",
        )
    )


def actions(rng: random.Random) -> str:
    """What people do and do not do with a thing."""
    kind, other = two_classes(rng)
    name, pronoun = person(rng)
    noun = rng.choice(kind.nouns)
    right, wrong = rng.choice(kind.actions), rng.choice(other.actions)
    return rng.choice(
        (
            f"{name} bought the {noun}. {pronoun.capitalize()} {right} it, "
            f"{pronoun} never {wrong} it.",
            f"{name} bought the {noun}. {pronoun.capitalize()} never {wrong} it, "
            f"{pronoun} {right} it.",
            f"{name} {right} the {noun}, {with_article(kind.name)}.",
            f"{name} {right} the {noun} and {wrong} the {rng.choice(other.nouns)}.",
        )
    )


def choices(rng: random.Random) -> str:
    """Which of two actions a thing is for, in either order."""
    kind, other = two_classes(rng)
    name, pronoun = person(rng)
    noun = rng.choice(kind.nouns)
    right, wrong = rng.choice(kind.actions), rng.choice(other.actions)
    one, two = rng.sample((right, wrong), 2)
    first, second = rng.sample((kind, other), 2)
    return rng.choice(
        (
            f"What was done to the {noun}: {one} or {two}? {pronoun.capitalize()} {right} it.",
            f"{name} {one} or {two} the {noun}? {pronoun.capitalize()} {right} it.",
            f"Is the {noun} {with_article(first.name)} or {with_article(second.name)}? "
            f"{with_article(kind.name).capitalize()}.",
        )
    )


def keepers(rng: random.Random) -> str:
    """Who keeps the things of a class."""
    kind, other = two_classes(rng)
    noun = rng.choice(kind.nouns)
    right, wrong = rng.choice(kind.keepers), rng.choice(other.keepers)
    first, second = rng.sample((right, wrong), 2)
    return rng.choice(
        (
            f"{right} keeps {kind.plural}.",
            f"The {noun} belongs to {right}.",
            f"The {noun} belongs to {right}, not to {wrong}.",
            f"{first} and {second} met. The {noun} belongs to {right}.",
            f"Does the {noun} belong to {first} or to {second}? To {right}.",
        )
    )


def pairs(rng: random.Random) -> str:
    """Two nouns of one class or of two."""
    kind, other = two_classes(rng)
    one, two = rng.sample(kind.nouns, 2)
    different = rng.choice(other.nouns)
    return rng.choice(
        (
            f"The {one} and the {two} are alike: both are {kind.plural}.",
            f"The {one} and the {different} are not alike: one is {with_article(kind.name)}, "
            f"one is {with_article(other.name)}.",
            f"Are the {one} and the {two} alike? Yes, both are {kind.plural}.",
            f"Are the {one} and the {different} alike? No.",
        )
    )


def senses(rng: random.Random) -> str:
    """A word of two senses, and which sense it has where."""
    word = rng.choice(tuple(AMBIGUOUS))
    names = rng.sample(AMBIGUOUS[word], 2)
    kind, other = BY_NAME[names[0]], BY_NAME[names[1]]
    one, two = rng.sample(kind.nouns, 2)
    different = rng.choice(other.nouns)
    return rng.choice(
        (
            f"The word {word} is said of {kind.plural} and of {other.plural}.",
            f"The word {word} has the same sense in: {used(word, one)}, {used(word, two)}.",
            f"The word {word} has two senses in: {used(word, one)}, {used(word, different)}.",
        )
    )


def used(word: str, noun: str) -> str:
    """A short phrase that uses an ambiguous word of a noun."""
    return f"the {noun} that ran" if word == "ran" else f"{word} the {noun}"


_VERDICTS = {
    "fact": ("and it was true", "which is a fact", "so it was certain"),
    "opinion": ("and maybe it was true", "which is an opinion", "so it was possible"),
    "falsehood": ("and it was false", "which is a falsehood", "so it was untrue"),
}


def reports(rng: random.Random) -> str:
    """Whether what somebody reports is so."""
    report = rng.choice(tuple(REPORTS))
    kind = rng.choice(CLASSES)
    verb, same = rng.sample(REPORTS[report], 2)
    claim = f"the {rng.choice(kind.nouns)} was {rng.choice(kind.traits)}"
    name, pronoun = person(rng)
    verdict = rng.choice(_VERDICTS[report])
    return rng.choice(
        (
            f"{name} {verb} that {claim}, {verdict}.",
            f"{name} {verb} that {claim}, {verdict}.",
            f"{name} {verb} and {same} it, {verdict}.",
            f"What {name} {verb} {pronoun} also {same}.",
        )
    )


WRITERS: tuple[tuple[Writer, int], ...] = (
    (portraits, 20),
    (kinds, 3),
    (bought, 3),
    (traits, 4),
    (which, 3),
    (actions, 3),
    (choices, 8),
    (keepers, 3),
    (pairs, 2),
    (senses, 2),
    (reports, 12),
)


def documents(seed: int, count: int) -> list[str]:
    """`count` documents, one line each, the same for the same seed."""
    rng = random.Random(f"{seed}/documents")
    writers = [writer for writer, _ in WRITERS]
    weights = [weight for _, weight in WRITERS]
    return [writer(rng) for writer in rng.choices(writers, weights, k=count)]
