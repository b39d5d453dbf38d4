"""CoNLL-2003: the persons, organisations, places and other names of a sentence, as text.

`conll2003 sentence: ...` -> `PER: Ada Lovelace; LOC: London`, or `none`. The score is the F1 of the
entities, type and words both right; their places are not asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from t2t.casts.named_entities import conll2003, entities, entities_in, tag_ids
from t2t.formats.json_lines import Fields, read_lines
from t2t.metrics.sets import entity_f1, entity_precision_recall
from t2t.rows import Row
from t2t.sources import OfficialFiles
from t2t.task import Example, Invalid, Task
from t2t.task_metrics import set_metric

from .data_cards import card
from .hub import files_or_hub
from .sample_rows import samples

_CARD = card("conll2003")
_FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}
_BETWEEN_DOCUMENTS = "-DOCSTART-"
_COLUMNS = 4


def parse_entities(output: str, example: Example) -> list[str] | Invalid:
    """Parse: the entities that an output lists, as `TYPE: words` each."""
    found = entities_in(output)
    return Invalid(f"{output!r} is no list of TYPE: words") if found is None else found


def _sentences(path: Path) -> Iterator[Fields]:
    """The blocks of lines, four columns each, between blank lines."""
    block: list[Fields] = []
    number = 0
    for line, data in enumerate([*read_lines(path), b""]):
        words = data.split()
        if words and words[0] != _BETWEEN_DOCUMENTS.encode():
            block.append(_word(data, f"{path}:{line + 1}"))
        elif block:
            yield _sentence(block, number)
            block, number = [], number + 1


def _word(line: bytes, place: str) -> Fields:
    """The token and the tag of a line, its first and last column."""
    word = Fields({}, place)
    try:
        # White space beyond ASCII may be in a word.
        cells = b" ".join(line.split()).decode("utf-8").split(" ")
    except UnicodeDecodeError as error:
        word.note("line", f"not UTF-8 at byte {error.start}")
        return word
    if len(cells) != _COLUMNS:
        word.note("line", f"must be {_COLUMNS} columns, is {len(cells)}")
        return word
    return replace(word, values={"token": cells[0], "tag": cells[-1]})


def _sentence(block: Sequence[Fields], number: int) -> Fields:
    """The words of a sentence together, with the problems of all of them."""
    problems = [problem for word in block for problem in word.problems]
    whole = [word.values for word in block if not word.problems]
    values = {"tokens": [w["token"] for w in whole], "tags": [w["tag"] for w in whole]}
    return Fields(values, block[0].place, problems=problems, number=number)


def _row(fields: Fields, labelled: bool) -> Iterator[Row]:
    """A sentence, its tags in IOB2 as the hub has them."""
    try:
        tags = tag_ids(fields.texts("tags"))
    except ValueError as error:
        fields.note("tags", str(error))
        tags = []
    yield {"tokens": fields.texts("tokens"), "ner_tags": tags}


CONLL2003 = Task(
    name="conll2003",
    source=files_or_hub(
        OfficialFiles(
            {split: f"conll2003/{name}" for split, name in _FILES.items()}, _row, _sentences
        ),
        _CARD,
        ("tokens", "ner_tags"),
    ),
    cast=conll2003,
    parse=parse_entities,
    label=entities,
    metrics=(set_metric(entity_f1), set_metric(entity_precision_recall)),
    num_examples=_CARD.num_examples,
    card=_CARD,
    samples=samples("conll2003"),
)

TASKS = (CONLL2003,)
