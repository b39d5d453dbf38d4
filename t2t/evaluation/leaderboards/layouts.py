"""How files write rows: one JSON object a line, MultiRC's nested paragraphs, columns with tabs."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t2t.formats.json_lines import described, is_unicode, parse_json
from t2t.leaderboard import Id, Label, Line

_LINE_ENDS = re.compile(r"[\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class JsonLines:
    """{"idx": 0, "label": "true"}: one row a line, ids 0 .. count - 1."""

    idx_field: str | None = None
    """Where an example's idx is an object, the part of it that is written ("query")."""
    id_name: str = "idx"
    label_name: str = "label"

    @property
    def header(self) -> str | None:
        """None."""
        return None

    def id_of(self, idx: Any) -> Id:
        """(idx,), or (idx[field],) where a field is declared."""
        return _flat_id(idx, self.idx_field)

    def write(self, rows: Sequence[tuple[Id, Label]]) -> bytes:
        """One object a line, escaped to ASCII as the benchmark's own exporter does."""
        return _json_lines([{self.id_name: idx, self.label_name: label} for (idx,), label in rows])

    def read(self, line: str) -> Line:
        """The one row of a line."""
        fields = _exactly(parse_json(line), "line", {self.id_name, self.label_name})
        row = (_integer(fields, self.id_name, "line"),)
        return Line(row, ((row, fields[self.label_name]),))

    def holds(self, label: Label) -> bool:
        """Any."""
        return True

    def official_ids(self, count: int) -> frozenset[Id] | None:
        """0 .. count - 1."""
        return frozenset((idx,) for idx in range(count))

    def count_problems(self, ids: Sequence[Id], count: int) -> list[str]:
        """Nothing: the count fixes the ids."""
        return []

    def named(self, row: Id) -> str:
        """Idx 7."""
        return f"{self.id_name} {row[0]}"


@dataclass(frozen=True, slots=True)
class Tsv:
    r"""A header and one row a line, "0\tentailment", without any quoting; ids 0 .. count - 1."""

    idx_field: str | None = None
    """Where an example's idx is an object, the part of it that is written."""
    id_name: str = "index"
    label_name: str = "prediction"

    @property
    def header(self) -> str | None:
        """The names of both columns."""
        return f"{self.id_name}\t{self.label_name}"

    def id_of(self, idx: Any) -> Id:
        """(idx,), or (idx[field],) where a field is declared."""
        return _flat_id(idx, self.idx_field)

    def write(self, rows: Sequence[tuple[Id, Label]]) -> bytes:
        """The header and one row a line, each with its newline."""
        lines = [self.header, *(f"{idx}\t{label}" for (idx,), label in rows)]
        return "".join(f"{line}\n" for line in lines).encode()

    def read(self, line: str) -> Line:
        """The one row of a line; its label is text."""
        columns = line.split("\t")
        if len(columns) != 2:
            raise ValueError(f"a line has 2 columns parted by a tab, this one {len(columns)}")
        index, label = columns
        # No sign, no leading zero: the way the ids are written, and int() is more generous.
        if not re.fullmatch("0|[1-9][0-9]{0,17}", index):
            shown = described(index)
            raise ValueError(f"{self.id_name!r} must be an integer from 0, is {shown}")
        row = (int(index),)
        return Line(row, ((row, label),))

    def holds(self, label: Label) -> bool:
        """Texts without tabs and line ends, which nothing here could quote."""
        return isinstance(label, str) and not _LINE_ENDS.search(label) and is_unicode(label)

    def official_ids(self, count: int) -> frozenset[Id] | None:
        """0 .. count - 1."""
        return frozenset((idx,) for idx in range(count))

    def count_problems(self, ids: Sequence[Id], count: int) -> list[str]:
        """Nothing: the count fixes the ids."""
        return []

    def named(self, row: Id) -> str:
        """Index 7."""
        return f"{self.id_name} {row[0]}"


@dataclass(frozen=True, slots=True)
class NestedAnswers:
    """MultiRC: one line a paragraph, holding its questions, each holding its answers.

    {"idx": 0, "passage": {"questions": [{"idx": 0, "answers": [{"idx": 0, "label": 1}]}]}}
    All three kinds of ids count through the whole file and never restart.
    """

    num_paragraphs: int
    num_questions: frozenset[int]
    """Accepted totals, where sources differ on the official one."""

    @property
    def header(self) -> str | None:
        """None."""
        return None

    def id_of(self, idx: Any) -> Id:
        """(paragraph, question, answer)."""
        names = ("paragraph", "question", "answer")
        fields = _fields(idx, "idx", needed=set(names))
        return tuple(_integer(fields, name, "idx") for name in names)

    def write(self, rows: Sequence[tuple[Id, Label]]) -> bytes:
        """One paragraph a line."""
        return _json_lines(
            [
                {"idx": paragraph, "passage": {"questions": self._questions(list(group))}}
                for paragraph, group in itertools.groupby(rows, key=lambda row: row[0][0])
            ]
        )

    @staticmethod
    def _questions(rows: Sequence[tuple[Id, Label]]) -> list[dict[str, Any]]:
        return [
            {
                "idx": question,
                "answers": [{"idx": row[2], "label": label} for row, label in group],
            }
            for question, group in itertools.groupby(rows, key=lambda row: row[0][1])
        ]

    def read(self, line: str) -> Line:
        """The paragraph's answers in the order of the line."""
        paragraph = _exactly(parse_json(line), "line", {"idx", "passage"})
        idx = _integer(paragraph, "idx", "line")
        passage = _exactly(paragraph["passage"], "passage", {"questions"})
        rows: list[tuple[Id, Any]] = []
        for question in _objects(passage, "questions", "passage", {"idx", "answers"}):
            question_idx = _integer(question, "idx", "question")
            for answer in _objects(question, "answers", "question", {"idx", "label"}):
                row = (idx, question_idx, _integer(answer, "idx", "answer"))
                rows.append((row, answer["label"]))
        _refuse_repeats("answer", [row for row, _ in rows])
        _refuse_repeats("question", [question["idx"] for question in passage["questions"]])
        return Line((idx,), tuple(rows))

    def holds(self, label: Label) -> bool:
        """Any."""
        return True

    def official_ids(self, count: int) -> frozenset[Id] | None:
        """None: a total says nothing of how the answers lie in questions and paragraphs."""
        return None

    def count_problems(self, ids: Sequence[Id], count: int) -> list[str]:
        """Totals that differ, ids that leave gaps or run backwards, parts that have two parents."""
        paragraphs = sorted({row[:1] for row in ids})
        questions = sorted({row[:2] for row in ids})
        return [
            *_total_problems("paragraphs", [row[-1] for row in paragraphs], {self.num_paragraphs}),
            *_total_problems("questions", [row[-1] for row in questions], self.num_questions),
            *_total_problems("answers", [row[-1] for row in sorted(ids)], {count}),
        ]

    def named(self, row: Id) -> str:
        """Paragraph 0 question 1 answer 3, or as much of it as the id holds."""
        names = ("paragraph", "question", "answer")
        return " ".join(f"{name} {part}" for name, part in zip(names, row, strict=False))


def _flat_id(idx: Any, idx_field: str | None) -> Id:
    """The one integer of an example's idx, or of a field of it."""
    if idx_field is not None:
        return (_integer(_fields(idx, "idx", needed={idx_field}), idx_field, "idx"),)
    return (_integer({"idx": idx}, "idx", "example"),)


def _json_lines(values: Sequence[Any]) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode("ascii")


def _total_problems(what: str, ids: Sequence[int], totals: frozenset[int] | set[int]) -> list[str]:
    if len(ids) not in totals:
        wanted = " or ".join(map(str, sorted(totals)))
        return [f"{len(ids)} {what}, the official test set has {wanted}"]
    if list(ids) != list(range(len(ids))):
        last = len(ids) - 1
        return [
            f"the idx of the {what} must be 0 .. {last}, each once and counted through the file"
        ]
    return []


def _fields(value: Any, what: str, needed: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object, is {described(value)}")
    for name in sorted(needed - value.keys()):
        raise ValueError(f"{what} lacks {name!r}")
    return value


def _exactly(value: Any, what: str, names: set[str]) -> Mapping[str, Any]:
    fields = _fields(value, what, names)
    for name in sorted(fields.keys() - names):
        raise ValueError(f"{what} has the extra field {name!r}")
    return fields


def _objects(
    parent: Mapping[str, Any], name: str, what: str, names: set[str]
) -> list[Mapping[str, Any]]:
    items = parent[name]
    if not isinstance(items, list) or not items:
        raise ValueError(f"{name!r} of a {what} must be an array that is not empty")
    return [_exactly(item, name.removesuffix("s"), names) for item in items]


def _integer(fields: Mapping[str, Any], name: str, what: str) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{name!r} of the {what} must be an integer from 0, is {described(value)}")
    return value


def _refuse_repeats(what: str, ids: Sequence[Any]) -> None:
    for item, count in Counter(ids).items():
        if count > 1:
            idx = item[-1] if isinstance(item, tuple) else item
            raise ValueError(f"{what} {idx} comes {count} times")
