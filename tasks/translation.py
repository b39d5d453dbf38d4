"""WMT's translation tasks, from English, as T5 has them.

Files are parallel lines, one file a language: wmt/wmt16_enro/train.en and train.ro. As in the
builders of the hub's and TensorFlow's data sets, pairs with an empty side are left out.
"""

from collections.abc import Iterator
from functools import partial

from t2t.casts.generation import translate
from t2t.formats.json_lines import Fields
from t2t.formats.tables import parallel_lines, without
from t2t.metrics.generation import bleu
from t2t.rows import Row, text_of, value_of
from t2t.sources import OfficialFiles, Source
from t2t.task import Alias, Task
from t2t.task_metrics import stream_metric

from .data_cards import card
from .hub import files_or_hub
from .sample_rows import samples


def pair_row(fields: Fields, labelled: bool, languages: tuple[str, str]) -> Iterator[Row]:
    """The row of one pair of lines."""
    yield {"translation": {language: fields.text(language) for language in languages}}


def has_empty_side(fields: Fields) -> bool:
    """Whether a pair lacks a text."""
    return not all(fields.values.values())


def translation_of(row: Row, language: str) -> str:
    """The text that outputs are compared with."""
    return text_of(value_of(row, "translation"), language)


def _source(name: str, data_set: str, languages: tuple[str, str]) -> Source:
    """Parallel lines under wmt/, or the hub."""
    data = card(data_set, f"{languages[1]}-en")
    splits = tuple(data.num_examples)
    files = {split: tuple(f"wmt/{name}/{split}.{code}" for code in languages) for split in splits}
    return files_or_hub(
        OfficialFiles(
            files,
            partial(pair_row, languages=languages),
            without(parallel_lines(*languages), has_empty_side, "one side is empty"),
        ),
        data,
        ("translation",),
    )


def _task(data_set: str, target: str) -> Task:
    """From English into a language."""
    name = f"{data_set}_en{target}"
    data = card(data_set, f"{target}-en")
    return Task(
        name=name,
        source=_source(name, data_set, ("en", target)),
        cast=partial(translate, source="en", target=target),
        label=partial(translation_of, language=target),
        metrics=(stream_metric(bleu),),
        num_examples=data.num_examples,
        card=data,
        aliases=(Alias(f"{name}_v003"),),
        samples=samples(name),
    )


TASKS = (
    _task("wmt14", "de"),
    _task("wmt14", "fr"),
    _task("wmt15", "fr"),
    _task("wmt16", "ro"),
    _task("wmt19", "de"),
    _task("wmt_t2t", "de"),
)
