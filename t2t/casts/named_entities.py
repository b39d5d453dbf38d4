"""Casts of named entities: a sentence, and its entities as one text.

`PER: Ada Lovelace; LOC: London`, in the order of the sentence, the words with single spaces, one
entry for each time that an entity is mentioned; `none` where there is none. Unlike tags word for
word, that is text which a model can write, and what it names is all that is scored: the type and
the words of each entity, not its place, which the text does not say.
"""

import re
from collections.abc import Sequence

from t2t.casts.texts import Texts
from t2t.errors import UserError
from t2t.outputs.bio_tags import bio_entities
from t2t.rows import Row, texts_of, value_of

ENTITY_TYPES = ("PER", "ORG", "LOC", "MISC")
NER_TAGS = ("O", *(f"{mark}-{kind}" for kind in ENTITY_TYPES for mark in ("B", "I")))
"""The names of the tags by their ids."""
NO_ENTITIES = "none"
_TYPES = "|".join(ENTITY_TYPES)
# A semicolon inside an entity is none between two.
_BETWEEN = re.compile(rf"\s*;\s*(?=(?:{_TYPES}):)")
_ENTITY = re.compile(rf"({_TYPES}):\s*(\S.*)", re.DOTALL)


def conll2003(row: Row) -> Texts:
    """CoNLL-2003: `conll2003 sentence: ...` and the entities."""
    sentence = " ".join(texts_of(row, "tokens"))
    return f"conll2003 sentence: {sentence}", "; ".join(entities(row)) or NO_ENTITIES


def entities(row: Row) -> list[str]:
    """Label: `TYPE: words` of each entity in the order of the sentence.

    Raises:
        UserError: tags that are no ids of `NER_TAGS`, or of another number than the words.
    """
    tokens, ids = texts_of(row, "tokens"), value_of(row, "ner_tags")
    if len(ids) != len(tokens):
        raise UserError(f"ner_tags: {len(ids)} tags of {len(tokens)} tokens")
    if not all(type(tag) is int and 0 <= tag < len(NER_TAGS) for tag in ids):
        raise UserError(f"ner_tags: must be in 0..{len(NER_TAGS) - 1}")
    found = bio_entities([NER_TAGS[tag] for tag in ids])
    return [f"{kind}: {' '.join(tokens[start:end])}" for kind, start, end in found]


def tag_ids(tags: Sequence[str]) -> list[int]:
    """The ids of a sentence's tags, which may be IOB1 as in the official files, as IOB2.

    Raises:
        ValueError: a tag that is none.
    """
    names = ["O"] * len(tags)
    for kind, start, end in bio_entities(tags):
        names[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return [NER_TAGS.index(name) for name in names]


def entities_in(text: str) -> list[str] | None:
    """The entities that a text lists, as `entities` gives them; None where it is no such list."""
    if text.strip() == NO_ENTITIES:
        return []
    matches = [_ENTITY.fullmatch(part) for part in _BETWEEN.split(text.strip())]
    if not all(matches):
        return None
    return [f"{match[1]}: {' '.join(match[2].split())}" for match in matches if match]
