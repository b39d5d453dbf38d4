"""SuperGLUE v2's official JSON lines as rows with the hub's field names and label ids.

One reader a task, each making the rows of one line. They follow the builders of the hub's and
TensorFlow's data sets, so that a row is the same whichever way it came; fields that these drop
are dropped. A label may be missing in the test split alone, and is -1 then.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from t2t.casts.winograd import pronoun_problem
from t2t.formats.json_lines import Fields
from t2t.rows import UNLABELLED, Row
from t2t.sources import OfficialFiles, RowReader, Source

from .data_cards import card
from .hub import files_or_hub

FALSE_TRUE = ("False", "True")
CB_LABELS = ("entailment", "contradiction", "neutral")
COPA_LABELS = ("choice1", "choice2")
COPA_QUESTIONS = ("cause", "effect")
ENTAILMENT_LABELS = ("entailment", "not_entailment")

LabelReader = Callable[[Fields], int]

# No correction makes these two a part of their texts: other words stand in between.
_BROKEN_SPANS = ("Kamenev and Zinoviev", "Kamenev, Zinoviev, and Stalin")


def source(config: str, folder: str) -> Source:
    """The rows of one SuperGLUE task: official files under superglue/`folder`, or the hub.

    Args:
        config: the hub's name of the task: boolq, cb, copa, multirc, record, rte, wic,
            wsc.fixed, axb or axg.
        folder: the official folder, such as BoolQ. AX-b and AX-g have one file, their test.
    """
    if config in ("axb", "axg"):
        names = {"test": f"{folder}.jsonl"}
    else:
        names = {"train": "train.jsonl", "validation": "val.jsonl", "test": "test.jsonl"}
    files = {split: f"superglue/{folder}/{name}" for split, name in names.items()}
    return files_or_hub(
        OfficialFiles(files, READERS[config]),
        card("super_glue", config),
        COLUMNS[config],
        _sorted_sets if config == "record" else dict,
    )


def _texts_and_label(
    fields: Fields,
    labelled: bool,
    texts: Sequence[str],
    label: LabelReader,
    idx: Callable[[Fields], int],
) -> Iterator[Row]:
    """A row of strings, a label and an idx: most tasks."""
    row = {name: fields.text(name) for name in texts}
    yield {**row, "idx": idx(fields), "label": _label(fields, labelled, label)}


def _label(fields: Fields, labelled: bool, read: LabelReader) -> int:
    """The label id; where none is needed, a missing or null label is -1."""
    if not labelled and not fields.has("label"):
        return UNLABELLED
    return read(fields)


def _truth(fields: Fields) -> int:
    return fields.truth("label")


def _binary(fields: Fields) -> int:
    return fields.binary("label")


def _name_among(labels: Sequence[str], fields: Fields) -> int:
    return fields.choice("label", labels)


def _idx(fields: Fields) -> int:
    return fields.identifier("idx")


def _idx_as_text(fields: Fields) -> int:
    return fields.identifier("idx", written_as_text=True)


def _copa(fields: Fields, labelled: bool) -> Iterator[Row]:
    if isinstance(fields.values.get("question"), str):
        fields.choice("question", COPA_QUESTIONS)
    return _texts_and_label(fields, labelled, COPA_TEXTS, _binary, _idx)


def _multirc(fields: Fields, labelled: bool) -> Iterator[Row]:
    """One row an answer. Paragraphs, questions and answers are each counted over the split."""
    paragraph = fields.identifier("idx", "paragraph")
    passage = fields.section("passage")
    text = passage.text("text")
    for question in passage.sections("questions"):
        question_text = question.text("question")
        question_idx = question.identifier("idx", "question")
        for answer in question.sections("answers"):
            answer_idx = answer.identifier("idx", "answer")
            yield {
                "paragraph": text,
                "question": question_text,
                "answer": answer.text("text"),
                "idx": {"paragraph": paragraph, "question": question_idx, "answer": answer_idx},
                "label": _label(answer, labelled, _binary),
            }


def _record(fields: Fields, labelled: bool) -> Iterator[Row]:
    """One row a query. Entities and answers are sets, sorted by code point."""
    passage_idx = fields.integer("idx")
    passage = fields.section("passage")
    noted = len(fields.problems)
    text = passage.text("text")
    # Offsets mean nothing without the text.
    has_text = len(fields.problems) == noted
    spans = passage.sections("entities", may_be_empty=True) if has_text else []
    entities = sorted({_entity(span, text) for span in spans})
    for query in fields.sections("qas"):
        yield {
            "passage": text,
            "query": query.text("query"),
            "entities": entities,
            "answers": _answers(query, labelled),
            "idx": {"passage": passage_idx, "query": query.identifier("idx", "query")},
        }


def _entity(span: Fields, text: str) -> str:
    """The words of an entity; its last character is at `end`."""
    noted = len(span.problems)
    start, end = span.integer("start"), span.integer("end")
    if len(span.problems) == noted and not start <= end < len(text):
        span.note("end", f"{start}..{end} is not inside the passage of {len(text)} characters")
    return text[start : end + 1]


def _answers(query: Fields, labelled: bool) -> list[str]:
    if not labelled and not query.has("answers"):
        return []
    answers = query.sections("answers", may_be_empty=not labelled)
    return sorted({answer.text("text") for answer in answers})


def _wic(fields: Fields, labelled: bool) -> Iterator[Row]:
    offsets = {name: fields.integer(name) for name in WIC_OFFSETS}
    for row in _texts_and_label(fields, labelled, WIC_TEXTS, _truth, _idx):
        yield {**row, **offsets}


def _wsc_fixed(fields: Fields, labelled: bool) -> Iterator[Row]:
    """The spans with the hub's corrections (`wsc.fixed`), checked against the text."""
    target = fields.section("target")
    row: Row = {
        "text": fields.text("text"),
        "span1_index": target.integer("span1_index"),
        "span2_index": target.integer("span2_index"),
        "span1_text": target.text("span1_text"),
        "span2_text": target.text("span2_text"),
        "idx": _idx(fields),
        "label": _label(fields, labelled, _truth),
    }
    if not fields.problems:
        row = with_spans_fixed(row, target)
    if not fields.problems:
        problem = pronoun_problem(row["text"], row["span2_index"], row["span2_text"])
        if problem:
            target.note("span2_index", problem)
        yield row


def with_spans_fixed(row: Row, target: Fields) -> Row:
    """A WSC row whose span texts are parts of its text, first span1's, then span2's.

    A span that is no substring takes the case of the first letter of the word at its index,
    loses full stops at its end, and its newlines become spaces. Two spans of the test split
    are known to stay as they are. What cannot be mended is noted in `target`.
    """
    fixed = dict(row)
    words = row["text"].split()
    for span in ("span1", "span2"):
        index, name = fixed[f"{span}_index"], fixed[f"{span}_text"]
        if not index < len(words):
            target.note(f"{span}_index", f"must be in 0..{len(words) - 1}, is {index}")
        elif name not in row["text"] and name not in _BROKEN_SPANS:
            if "theyscold" in name:
                # The upstream correction moves the pronoun and leaves the text as it was.
                fixed["span2_index"] = 10
            fixed[f"{span}_text"] = _fixed_span(name, words[index])
            if fixed[f"{span}_text"] not in row["text"]:
                target.note(f"{span}_text", f"{name!r} is not in the text")
    return fixed


def _fixed_span(span: str, first_word: str) -> str:
    initial = span[0].lower() if first_word[0].islower() else span[0].upper()
    return (initial + span[1:]).rstrip(".").replace("\n", " ")


def _sorted_sets(row: Row) -> Row:
    """A hub row of ReCoRD, whose sets come in any order."""
    return {
        **row,
        "entities": sorted(set(row["entities"])),
        "answers": sorted(set(row["answers"])),
    }


COPA_TEXTS = ("premise", "choice1", "choice2", "question")
WIC_TEXTS = ("word", "sentence1", "sentence2")
WIC_OFFSETS = ("start1", "start2", "end1", "end2")
PAIR = ("premise", "hypothesis")
_entailment = partial(_name_among, ENTAILMENT_LABELS)

READERS: dict[str, RowReader] = {
    "boolq": partial(_texts_and_label, texts=("question", "passage"), label=_truth, idx=_idx),
    "cb": partial(_texts_and_label, texts=PAIR, label=partial(_name_among, CB_LABELS), idx=_idx),
    "copa": _copa,
    "multirc": _multirc,
    "record": _record,
    "rte": partial(_texts_and_label, texts=PAIR, label=_entailment, idx=_idx),
    "wic": _wic,
    "wsc.fixed": _wsc_fixed,
    "axb": partial(
        _texts_and_label, texts=("sentence1", "sentence2"), label=_entailment, idx=_idx_as_text
    ),
    "axg": partial(_texts_and_label, texts=PAIR, label=_entailment, idx=_idx),
}
"""By the hub's name of the task."""

COLUMNS = {
    "boolq": ("question", "passage", "idx", "label"),
    "cb": (*PAIR, "idx", "label"),
    "copa": (*COPA_TEXTS, "idx", "label"),
    "multirc": ("paragraph", "question", "answer", "idx", "label"),
    "record": ("passage", "query", "entities", "answers", "idx"),
    "rte": (*PAIR, "idx", "label"),
    "wic": (*WIC_TEXTS, *WIC_OFFSETS, "idx", "label"),
    "wsc.fixed": (
        "text",
        "span1_index",
        "span2_index",
        "span1_text",
        "span2_text",
        "idx",
        "label",
    ),
    "axb": ("sentence1", "sentence2", "idx", "label"),
    "axg": (*PAIR, "idx", "label"),
}
"""The hub's fields of each task, which the rows of its official files have too."""
