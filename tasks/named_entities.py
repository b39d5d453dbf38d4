"""CoNLL-2003: the persons, organisations, places and other names of a sentence, as text.

`conll2003 sentence: ...` -> `PER: Ada Lovelace; LOC: London`, or `none`. The score is the F1 of the
entities, type and words both right; their places are not asked for.
"""

from collections.abc import Iterator
from pathlib import Path

from t2t.casts.named_entities import conll2003, entities, entities_in, tag_ids
from t2t.json_lines import Fields, read_lines
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


def parse_entities(output: str, example: Example) -> list[str] | Invalid:
    """Parse: the entities that an output lists, as `TYPE: words` each."""
    found = entities_in(output)
    return Invalid(f"{output!r} is no list of TYPE: words") if found is None else found


def _sentences(path: Path) -> Iterator[Fields]:
    """The blocks of lines, four columns each, between blank lines."""
    block: list[list[str]] = []
    number = 0
    for line, data in enumerate([*read_lines(path), b""]):
        cells = data.decode("utf-8", "replace").split()
        if cells and cells[0] != _BETWEEN_DOCUMENTS:
            block.append(cells)
        elif block:
            values = {"tokens": [c[0] for c in block], "tags": [c[-1] for c in block]}
            yield Fields(values, f"{path}:{line - len(block) + 1}", number=number)
            block, number = [], number + 1


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
