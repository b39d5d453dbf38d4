"""Official files of texts and classes as rows with the hub's field names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from t2t.errors import UserError, refuse
from t2t.files import sha256_json
from t2t.formats.json_lines import Fields, read_lines
from t2t.formats.tables import comma_separated
from t2t.rows import Row
from t2t.sources import FilesOrHub, HubSource, OfficialFiles, Source, check_split

from .data_cards import card
from .hub import files_or_hub

TREC_COARSE = ("ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM")
# fmt: off
TREC_FINE = (
    "ABBR:abb", "ABBR:exp", "ENTY:animal", "ENTY:body", "ENTY:color", "ENTY:cremat",
    "ENTY:currency", "ENTY:dismed", "ENTY:event", "ENTY:food", "ENTY:instru", "ENTY:lang",
    "ENTY:letter", "ENTY:other", "ENTY:plant", "ENTY:product", "ENTY:religion", "ENTY:sport",
    "ENTY:substance", "ENTY:symbol", "ENTY:techmeth", "ENTY:termeq", "ENTY:veh", "ENTY:word",
    "DESC:def", "DESC:desc", "DESC:manner", "DESC:reason", "HUM:gr", "HUM:ind", "HUM:title",
    "HUM:desc", "LOC:city", "LOC:country", "LOC:mount", "LOC:other", "LOC:state", "NUM:code",
    "NUM:count", "NUM:date", "NUM:dist", "NUM:money", "NUM:ord", "NUM:other", "NUM:period",
    "NUM:perc", "NUM:speed", "NUM:temp", "NUM:volsize", "NUM:weight",
)
# fmt: on


def ag_news_source() -> Source:
    """AG News: CSV under ag_news_csv/, or the hub."""
    files = {split: f"ag_news_csv/{split}.csv" for split in ("train", "test")}
    objects = comma_separated(("class", "title", "description"))
    official = OfficialFiles(files, _ag_news_row, objects)
    return files_or_hub(official, card("ag_news"), ("text", "label"))


def _ag_news_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    text = f"{fields.text('title')} {fields.text('description')}"
    yield {"text": text, "label": fields.choice("class", ("1", "2", "3", "4"))}


def dbpedia_source() -> Source:
    """DBpedia's ontology: CSV under dbpedia_csv/, or the hub."""
    files = {split: f"dbpedia_csv/{split}.csv" for split in ("train", "test")}
    official = OfficialFiles(files, _dbpedia_row, comma_separated(("class", "title", "content")))
    columns = ("title", "content", "label")
    return files_or_hub(official, card("dbpedia_14", "dbpedia_14"), columns)


def _dbpedia_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    yield {
        "title": fields.text("title"),
        "content": fields.text("content"),
        "label": fields.choice("class", [str(number + 1) for number in range(14)]),
    }


def trec_source() -> Source:
    """TREC's questions with both their labels: trec/, or the hub."""
    files = {"train": "trec/train_5500.label", "test": "trec/TREC_10.label"}
    columns = ("text", "coarse_label", "fine_label")
    return files_or_hub(OfficialFiles(files, _trec_row, _trec_lines), card("trec"), columns)


def _trec_row(fields: Fields, labelled: bool) -> Iterator[Row]:
    yield {
        "text": fields.text("text"),
        "coarse_label": fields.choice("coarse_label", TREC_COARSE),
        "fine_label": fields.choice("fine_label", TREC_FINE),
    }


def _trec_lines(path: Path) -> Iterator[Fields]:
    """Lines such as `NUM:date When ...`; the byte 0xF0, which is in one of them, is a space."""
    for number, line in enumerate(read_lines(path)):
        fields = Fields({}, f"{path}:{number + 1}", number=number)
        try:
            text = line.replace(b"\xf0", b" ").decode("utf-8").strip()
        except UnicodeDecodeError as error:
            fields.note("line", f"not UTF-8 at byte {error.start}")
            text = ""
        fine, _, question = text.partition(" ")
        coarse = fine.partition(":")[0]
        values = {"text": question, "coarse_label": coarse, "fine_label": fine}
        yield replace(fields, values=values)


def imdb_source() -> Source:
    """IMDB's reviews: aclImdb/, one file a review, or the hub."""
    data = card("imdb", "plain_text")
    assert data.hub is not None, "a card with a data set"
    splits = ("train", "test")
    hub = HubSource(data.hub, data.config, splits, data.revision, ("text", "label"))
    return FilesOrHub(FolderPerLabel("aclImdb", splits, ("neg", "pos")), hub)


@dataclass(frozen=True)
class FolderPerLabel:
    """Texts in files of their own, SPLIT/LABEL/*.txt."""

    folder: str
    """Below the data folder."""
    splits: tuple[str, ...]
    labels: tuple[str, ...]

    def __str__(self) -> str:
        """The folder and what is in it."""
        return f"{self.folder}/{{{','.join(self.splits)}}}/{{{','.join(self.labels)}}}/*.txt"

    def rows(self, split: str, data_dir: Path | None) -> Sequence[Row]:
        """The texts of a split, label by label, each in the order of the names of the files.

        Raises:
            UserError: no such split or folder, no file in it, or files that are no UTF-8.
        """
        rows: list[Row] = []
        problems: list[str] = []
        for label, paths in enumerate(self._paths(split, data_dir)):
            for path in paths:
                try:
                    rows.append({"text": path.read_text(encoding="utf-8"), "label": label})
                except (OSError, UnicodeDecodeError) as error:
                    problems.append(f"{path}: cannot be read: {error}")
        refuse(problems, f"{self}, split {split}")
        return rows

    def fingerprint(self, split: str, data_dir: Path | None) -> str:
        """A hash of the rows."""
        return sha256_json([dict(row) for row in self.rows(split, data_dir)])

    def _paths(self, split: str, data_dir: Path | None) -> list[list[Path]]:
        """The files of each label."""
        check_split(split, self.splits)
        if data_dir is None:
            raise UserError(f"{self}: no data folder is given (--data-dir or T2T_DATA_DIR)")
        folders = [data_dir / self.folder / split / label for label in self.labels]
        found = [sorted(folder.glob("*.txt")) for folder in folders]
        for folder, paths in zip(folders, found, strict=True):
            if not paths:
                raise UserError(f"{folder}: no .txt file there")
        return found
