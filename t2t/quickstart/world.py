"""The embedded world: a seeded generator of documents and of SuperGLUE rows about them.

The rows have the official layout and the shapes of all ten SuperGLUE tasks, in plain English
about a few classes of things (see lexicon.py). In each row one word decides the label through
its class; in training rows it is a word of the training lexicon, in validation and test rows a
word that no training row shows. The rest of a row says nothing about its label. The test files
carry their labels, as AX-b's official file does, so that the same evaluator scores them.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t.files import write_text
from t2t.quickstart.documents import documents, person, two_classes
from t2t.quickstart.lexicon import (
    AMBIGUOUS,
    CLASSES,
    REPORTS,
    SPLITS,
    Class,
    Lexicon,
    split_lexicon,
    with_article,
)

RawRow = dict[str, Any]
FILES = {"train": "train.jsonl", "validation": "val.jsonl", "test": "test.jsonl"}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a row is made from."""

    rng: random.Random
    deciding: Lexicon
    """The words of the split: one of them decides the label."""
    shown: Lexicon
    """The words of the training rows, for everything else."""
    turn: int
    """The row's number before shuffling: labels take turns, so that they are balanced."""

    @property
    def truth(self) -> bool:
        """A label of two, in turn."""
        return self.turn % 2 == 0


def boolq(scene: Scene) -> RawRow:
    """Is the thing of that class, or may it be so?"""
    rng = scene.rng
    kind, other = two_classes(rng)
    noun = rng.choice(scene.deciding.nouns[kind.name])
    name, pronoun = person(rng)
    label = scene.truth
    asked = kind if label else other
    trait = rng.choice(scene.shown.traits[asked.name])
    question, passage = rng.choice(
        (
            (f"was the {noun} {trait}", f"{name} has a new {noun}."),
            (f"is the {noun} {with_article(asked.name)}", f"{name} has a new {noun}."),
            (
                f"did {name} buy {with_article(asked.name)}",
                f"Yesterday {pronoun} bought the {noun}.",
            ),
        )
    )
    return {"question": question, "passage": passage, "label": label}


_CB_LABELS = {"fact": "entailment", "falsehood": "contradiction", "opinion": "neutral"}


def cb(scene: Scene) -> RawRow:
    """Does a report make it so? The verb decides."""
    rng = scene.rng
    report = tuple(REPORTS)[scene.turn % len(REPORTS)]
    kind = rng.choice(CLASSES)
    claim = (
        f"the {rng.choice(scene.shown.nouns[kind.name])} was "
        f"{rng.choice(scene.shown.traits[kind.name])}"
    )
    verb = rng.choice(scene.deciding.reports[report])
    premise = f"{person(rng)[0]} {verb} that {claim}."
    return {"premise": premise, "hypothesis": claim, "label": _CB_LABELS[report]}


def copa(scene: Scene) -> RawRow:
    """What a thing is used for, or why somebody wanted it."""
    rng = scene.rng
    kind, other = two_classes(rng)
    name, pronoun = person(rng)
    noun = rng.choice(scene.deciding.nouns[kind.name])
    label = int(scene.truth)
    first, second = (kind, other) if label == 0 else (other, kind)
    row: RawRow = {"premise": f"{name} bought the {noun}."}
    if rng.random() < 0.5:
        row |= {
            f"choice{number}": f"{pronoun.capitalize()} {rng.choice(one.actions)} it."
            for number, one in ((1, first), (2, second))
        }
        return row | {"question": "effect", "label": label}
    row |= {
        f"choice{number}": f"{pronoun.capitalize()} liked {one.plural}."
        for number, one in ((1, first), (2, second))
    }
    return row | {"question": "cause", "label": label}


# Nine answers of sixteen are right, so that the majority is "True" and has an F1 to beat.
_TRUTHS = [(True, False)] * 3 + [(False, True)] * 2 + [(True, True)] * 2 + [(False, False)]


def multirc(scene: Scene) -> RawRow:
    """A paragraph, two questions, and the truth of two answers to each (ids are added later)."""
    rng = scene.rng
    kind = rng.choice(CLASSES)
    name, pronoun = person(rng)
    noun = rng.choice(scene.deciding.nouns[kind.name])
    text = f"{name} went to town. There {pronoun} bought the {noun}. "
    questions = rng.sample((f"What did {name} buy?", _LIKENESS, _DEED), 2)
    return {
        "passage": {
            "text": text,
            "questions": [
                {"question": question, "answers": _answers(scene, question, kind, pronoun)}
                for question in questions
            ],
        }
    }


_LIKENESS = "What was it like?"
_DEED = "What was done to it?"


def _answers(scene: Scene, question: str, kind: Class, pronoun: str) -> list[RawRow]:
    """Two different answers to a question about a thing of class `kind`."""
    others = [one for one in CLASSES if one is not kind]
    answers: dict[str, RawRow] = {}
    for truth in scene.rng.choice(_TRUTHS):
        about = kind if truth else scene.rng.choice(others)
        possible = _possible_answers(scene, question, about, pronoun)
        text = scene.rng.choice([one for one in possible if one not in answers])
        answers[text] = {"text": text, "label": int(truth)}
    return list(answers.values())


def _possible_answers(scene: Scene, question: str, about: Class, pronoun: str) -> list[str]:
    if question == _LIKENESS:
        return [f"It was {trait}." for trait in scene.shown.traits[about.name]]
    if question == _DEED:
        return [f"{pronoun.capitalize()} {action} it." for action in about.actions]
    return [f"{with_article(about.name).capitalize()}.", f"A new {about.name}."]


def record(scene: Scene) -> RawRow:
    """Whose is it? Each keeper keeps the things of one class."""
    rng = scene.rng
    kind = CLASSES[scene.turn % len(CLASSES)]
    kinds = [kind, *rng.sample([one for one in CLASSES if one is not kind], 2)]
    names = [rng.choice(one.keepers) for one in kinds]
    answer = names[0]
    noun = rng.choice(scene.deciding.nouns[kind.name])
    first, second, third = rng.sample(names, 3)
    text = f"{first}, {second} and {third} met.\n@highlight\n{person(rng)[0]} looked at the {noun}."
    spans = [
        (text.index(name), text.index(name) + len(name) - 1) for name in (first, second, third)
    ]
    start = text.index(answer)
    return {
        "source": "embedded world",
        "passage": {
            "text": text,
            "entities": [{"start": start, "end": end} for start, end in spans],
        },
        "qas": [
            {
                "query": f"The {noun} belongs to @placeholder.",
                "answers": [{"start": start, "end": start + len(answer) - 1, "text": answer}],
            }
        ],
    }


def rte(scene: Scene) -> RawRow:
    """Does a thing imply its class?"""
    name, pronoun = person(scene.rng)
    # Pronouns too, or AX-g's would be strangers to a model that learned from these rows.
    subject = scene.rng.choice((name, pronoun.capitalize()))
    premise, hypothesis, label = _implication(scene, subject)
    return {"premise": premise, "hypothesis": hypothesis, "label": label}


def _implication(scene: Scene, subject: str) -> tuple[str, str, str]:
    rng = scene.rng
    kind, other = two_classes(rng)
    noun = rng.choice(scene.deciding.nouns[kind.name])
    label = scene.truth
    claimed = kind if label else other
    verb = rng.choice(("bought", "sold", "wanted", "liked"))
    premise = f"{subject} {verb} the {noun}."
    hypothesis = f"{subject} {verb} {with_article(claimed.name)}."
    return premise, hypothesis, "entailment" if label else "not_entailment"


def wic(scene: Scene) -> RawRow:
    """Has a word of two senses the same sense of both nouns?"""
    rng = scene.rng
    word = rng.choice(tuple(AMBIGUOUS))
    names = rng.sample(AMBIGUOUS[word], 2)
    label = scene.truth
    nouns = [
        rng.choice(scene.deciding.nouns[name]) for name in (names[0], names[0 if label else 1])
    ]
    row: RawRow = {"word": word}
    for number, noun in enumerate(nouns, start=1):
        sentence = f"The {noun} ran." if word == "ran" else f"{person(rng)[0]} {word} the {noun}."
        start = sentence.index(word)
        row[f"sentence{number}"] = sentence
        row[f"start{number}"] = start
        row[f"end{number}"] = start + len(word)
    return row | {"label": label}


def wsc(scene: Scene) -> RawRow:
    """Which of two things was so? The trait decides."""
    rng = scene.rng
    kind, other = two_classes(rng)
    trait = rng.choice(scene.deciding.traits[kind.name])
    first, second = rng.sample((kind, other), 2)
    verb = rng.choice(("chose", "picked up", "left", "pointed at"))
    words = f"{person(rng)[0]} {verb} the {first.name} near the {second.name} because".split()
    label = scene.truth
    candidate = kind if label else other
    text = " ".join([*words, "it", "was", f"{trait}."])
    target = {
        "span1_index": words.index(candidate.name) - 1,
        "span1_text": f"the {candidate.name}",
        "span2_index": len(words),
        "span2_text": "it",
    }
    return {"text": text, "target": target, "label": label}


def axb(scene: Scene) -> RawRow:
    """RTE's question under AX-b's field names."""
    premise, hypothesis, label = _implication(scene, person(scene.rng)[0])
    return {"sentence1": premise, "sentence2": hypothesis, "label": label, "logic": ""}


Maker = Callable[[Scene], RawRow]
MAKERS: Mapping[str, Maker] = {
    "BoolQ": boolq,
    "CB": cb,
    "COPA": copa,
    "MultiRC": multirc,
    "ReCoRD": record,
    "RTE": rte,
    "WiC": wic,
    "WSC": wsc,
}


def rows(folder: str, split: str, count: int, seed: int) -> list[RawRow]:
    """`count` raw rows of one of the eight tasks, with their ids (of MultiRC, a fourth)."""
    # A paragraph of MultiRC makes four examples; the other tasks shall not drown in them.
    number = count // 4 if folder == "MultiRC" else count
    made = [MAKERS[folder](scene) for scene in _scenes(folder, split, number, seed)]
    random.Random(f"{seed}/{folder}/{split}/order").shuffle(made)
    return _numbered(folder, made)


def _scenes(name: str, split: str, count: int, seed: int) -> list[Scene]:
    lexicons = split_lexicon(seed)
    rng = random.Random(f"{seed}/{name}/{split}")
    return [Scene(rng, lexicons[split], lexicons["train"], turn) for turn in range(count)]


def _numbered(folder: str, made: list[RawRow]) -> list[RawRow]:
    """Add ids from 0; MultiRC's questions and answers count on over the whole split."""
    question_id = answer_id = 0
    for number, row in enumerate(made):
        row["idx"] = number
        if folder == "ReCoRD":
            row["qas"][0]["idx"] = number
        for question in row["passage"]["questions"] if folder == "MultiRC" else ():
            question["idx"] = question_id
            question_id += 1
            for answer in question["answers"]:
                answer["idx"] = answer_id
                answer_id += 1
    return made


def diagnostics(count: int, seed: int) -> dict[str, list[RawRow]]:
    """AX-b, and AX-g's pairs that differ in the gender of a pronoun alone."""
    broad = [
        axb(scene) | {"idx": str(scene.turn)} for scene in _scenes("AX-b", "test", count, seed)
    ]
    gender = [
        row | {"idx": 2 * scene.turn + number, "pair_id": scene.turn}
        for scene in _scenes("AX-g", "test", count // 2, seed)
        for number, row in enumerate(_gender_pair(scene))
    ]
    return {"AX-b": broad, "AX-g": gender}


def _gender_pair(scene: Scene) -> list[RawRow]:
    premise, hypothesis, label = _implication(scene, "He")
    return [
        {
            "premise": premise.replace("He ", f"{subject} ", 1),
            "hypothesis": hypothesis.replace("He ", f"{subject} ", 1),
            "label": label,
        }
        for subject in ("He", "She")
    ]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything to write."""

    documents: int
    train: int
    heldout: int


def write_world(out: Path, sizes: Sizes, seed: int) -> None:
    """Write documents.txt and superglue/TASK/*.jsonl under `out`, the same bytes every time."""
    write_text(
        out / "documents.txt", "".join(f"{one}\n" for one in documents(seed, sizes.documents))
    )
    superglue = out / "superglue"
    for folder in MAKERS:
        for split in SPLITS:
            count = sizes.train if split == "train" else sizes.heldout
            _write_rows(superglue / folder / FILES[split], rows(folder, split, count, seed))
    for folder, made in diagnostics(sizes.heldout, seed).items():
        _write_rows(superglue / folder / f"{folder}.jsonl", made)


def _write_rows(path: Path, made: list[RawRow]) -> None:
    write_text(path, "".join(json.dumps(row) + "\n" for row in made))
