"""How much of a task's text a vocabulary has no token for.

Measured in characters, spaces not counted: SentencePiece makes one unknown id of a whole run of
characters that it does not know, so a share of tokens would say little of a text in another script.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from t2t.documents import TextSource
from t2t.formats.text_files import read_part, whole
from t2t.vocabulary import Vocabulary

LOOKED_AT = 2048
"""Texts that are looked at, spread over all."""
CHARACTERS_OF_A_TEXT = 1000
"""The beginning of each that is looked at."""
WORTH_SAYING = 0.05
"""Texts in the languages of a vocabulary stay below: a brace here, a foreign name there."""


@dataclass(frozen=True, slots=True)
class UnknownText:
    """What a vocabulary does not know of some texts."""

    share: float
    """Of the characters that are no spaces, those that no token stands for, 0 to 1."""
    such_as: str
    """The part that is most often among them, "" if there is none."""


def unknown_text(texts: Sequence[str], vocabulary: Vocabulary) -> UnknownText:
    """What the vocabulary does not know, in some thousand of the texts, spread over all."""
    looked_at = min(len(texts), LOOKED_AT)
    rows = (number * len(texts) // looked_at for number in range(looked_at))
    sample = [texts[row][:CHARACTERS_OF_A_TEXT] for row in rows]
    parts = Counter(
        part for of_text in vocabulary.unknown_parts(sample) for part in of_text if part.strip()
    )
    characters = sum(map(_visible, sample))
    unknown = sum(_visible(part) * times for part, times in parts.items())
    such_as = parts.most_common(1)[0][0].strip() if parts else ""
    return UnknownText(unknown / characters if characters else 0.0, such_as)


def _visible(text: str) -> int:
    """Characters that are no spaces."""
    return sum(map(len, text.split()))


def heads(source: TextSource, data_dir: Path | None) -> list[str]:
    """The first documents of each of a corpus' files, some thousand in all.

    A corpus is not read whole for this.

    Raises:
        UserError: a file cannot be read.
    """
    paths = source.paths(data_dir)
    count = -(-LOOKED_AT // len(paths))
    parts = (islice(read_part(whole(path), source.column, []), count) for path in paths)
    return [text for part in parts for text in part]


def warning(name: str, sides: Mapping[str, Sequence[str]], vocabulary: Vocabulary) -> str | None:
    """A line about a task, where more than 5 % of a side is unknown; None where nothing is to say.

    Args:
        name: the task's name.
        sides: what its texts are called ("inputs"), and the texts.
        vocabulary: turns them into ids.
    """
    found = {side: unknown_text(texts, vocabulary) for side, texts in sides.items()}
    bad = {side: unknown for side, unknown in found.items() if unknown.share > WORTH_SAYING}
    if not bad:
        return None
    listed = [f"{unknown.share:.0%} of its {side}" for side, unknown in bad.items()]
    shares = ", ".join(listed).replace("%", " %").replace("of its", "of the characters of its", 1)
    such_as = next(iter(bad.values())).such_as
    return f"{name}: {shares} are unknown to this vocabulary, such as {such_as!r}"
