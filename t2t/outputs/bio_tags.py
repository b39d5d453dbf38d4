"""Tags of words, B-TYPE, I-TYPE and O, as entities: CoNLL's way to write them."""

from collections.abc import Sequence


def bio_entities(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The entities of a sentence's BIO tags: (type, first word, word after the last).

    Tags are "O", "B-TYPE" and "I-TYPE". An "I-" that continues nothing of its type begins an
    entity, as in CoNLL's own script, so that IOB1 is read too.

    Raises:
        ValueError: another tag.
    """
    entities: list[tuple[str, int, int]] = []
    for position, tag in enumerate(tags):
        mark, _, kind = tag.partition("-")
        if tag != "O" and (mark not in ("B", "I") or not kind):
            raise ValueError(f"tag {tag!r} is none of O, B-TYPE and I-TYPE")
        if tag == "O":
            continue
        if mark == "I" and entities and entities[-1][0] == kind and entities[-1][2] == position:
            entities[-1] = (kind, entities[-1][1], position + 1)
        else:
            entities.append((kind, position, position + 1))
    return entities
