import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from t2t import vocabulary as vocabulary_module
from t2t.data.cache_build import cache_of
from t2t.data.tokenization import (
    NAMED_PROBLEMS,
    InMemoryDocuments,
    Losses,
    id_dtype,
    token_blocks,
    tokenized,
)
from t2t.documents import TextSource
from t2t.errors import UserError
from t2t.formats.text_files import whole
from t2t.vocabulary import SentencePieceVocabulary, train_vocabulary

TEXT = ["the dog barked at the cat", "a bird sang to the dog", "the cat ran"]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory) -> SentencePieceVocabulary:
    return train_vocabulary(TEXT * 20, 24, tmp_path_factory.mktemp("vocabulary") / "small.model")


def documents_of(documents: InMemoryDocuments) -> list[list[int]]:
    return [
        documents.read(np.array([n]), np.array([0]), np.array([length])).tolist()
        for n, length in enumerate(documents.lengths)
    ]


def test_documents_are_those_of_the_vocabulary(tmp_path: Path, vocabulary):
    (tmp_path / "a.txt").write_text("\n".join(TEXT[:2]))
    (tmp_path / "b.txt").write_text(TEXT[2])
    lines: list[str] = []
    found = tokenized(TextSource(("a.txt", "b.txt")), vocabulary, tmp_path, lines.append)
    assert documents_of(found) == [vocabulary.encode(text) for text in TEXT]
    assert found.lengths.dtype == np.uint32
    assert found.read(np.array([2, 0, 2]), np.array([1, 0, 3]), np.array([3, 2, 0])).tolist() == [
        *vocabulary.encode(TEXT[2])[1:4],
        *vocabulary.encode(TEXT[0])[:2],
    ]
    assert found.read(*np.zeros((3, 0), np.int64)).size == 0
    assert (found.left_out, lines) == ({}, [])


def test_what_is_lost_is_counted_and_reported(tmp_path: Path, vocabulary):
    # U+200B, a space of no width, is normalised to nothing.
    (tmp_path / "a.txt").write_bytes("the\n\n \n\u200b\n".encode() + b"\xff\ncat\n")
    (tmp_path / "b.jsonl").write_text('{"text": 1}\n{"text": "dog"}\n')
    lines: list[str] = []
    source = TextSource(("a.txt", "b.jsonl"))
    found = tokenized(source, vocabulary, tmp_path, lines.append)
    assert documents_of(found) == [vocabulary.encode(text) for text in ("the", "cat", "dog")]
    assert found.left_out == {
        "blank documents": 2,
        "documents without a token": 1,
        "bad documents": 2,
    }
    assert lines == [
        "a.txt, b.jsonl: blank documents left out: 2",
        "a.txt, b.jsonl: documents without a token left out: 1",
        f"a.txt, b.jsonl: bad documents left out: 2, such as {tmp_path / 'a.txt'}:5: "
        "line: not UTF-8 at byte 0",
    ]
    with pytest.raises(UserError, match=r"(?s)refused, bad rows: 2.*b\.jsonl:1: text"):
        tokenized(TextSource(source.files, on_bad_row="refuse"), vocabulary, tmp_path, lines.append)


def test_a_source_without_documents_is_refused(tmp_path: Path, vocabulary):
    (tmp_path / "a.txt").write_bytes(b" \n\xff\n\n")
    with pytest.raises(UserError, match=r"a\.txt: no documents; blank documents: 1, bad documents"):
        tokenized(TextSource(("a.txt",)), vocabulary, tmp_path, print)


def test_ids_0_are_dropped_and_counted(tmp_path: Path, vocabulary):
    class Padded:
        size = vocabulary.size

        def encode_documents(self, texts, threads):
            return [np.array([int(c) for c in text], np.int32) for text in texts]

    (tmp_path / "a.txt").write_text("1020\n00\n34\n")
    losses = Losses()
    (block,) = token_blocks(whole(tmp_path / "a.txt"), "text", Padded(), losses)
    assert [row.tolist() for row in block] == [[1, 2], [3, 4]]
    assert (losses.padding, losses.without_tokens) == (4, 1)
    lines: list[str] = []
    losses.tell("a", lines.append)
    assert lines[1] == "a: ids 0 (padding) dropped from documents: 4"


def test_the_first_bad_rows_are_named_and_all_are_counted():
    losses, more = Losses(), Losses()
    losses.note([f"a:{n}" for n in range(NAMED_PROBLEMS - 1)])
    more.note(["b:1", "b:2"])
    losses.add(more)
    assert losses.bad == NAMED_PROBLEMS + 1
    assert losses.problems[-2:] == [f"a:{NAMED_PROBLEMS - 2}", "b:1"]
    with pytest.raises(UserError, match="and 1 more"):
        losses.refuse_bad()


def test_an_id_takes_two_bytes_where_it_fits(vocabulary):
    class Sized:
        def __init__(self, size):
            self.size = size

    assert [id_dtype(Sized(size)).str for size in (1 << 16, (1 << 16) + 1)] == ["<u2", "<u4"]


def test_a_document_of_50_megabytes_takes_little_more_than_its_text(tmp_path: Path, vocabulary):
    """Whole, SentencePiece would take a gigabyte for it."""
    path = tmp_path / "a.txt"
    path.write_text("the dog barked at the cat " * (50_000_000 // 26))
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from t2t.data.tokenization import tokenized\nfrom t2t.documents import TextSource\n"
        "from t2t.vocabulary import load_vocabulary\n"
        "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10\n"
        "before, vocabulary = used(), load_vocabulary(Path(sys.argv[2]))\n"
        "found = tokenized(TextSource((sys.argv[1],)), vocabulary, None, print)\n"
        "print(*found.lengths, used() - before)"
    )
    run = [sys.executable, "-c", code, path, vocabulary.path]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    tokens, megabytes = map(int, done.stdout.split())
    assert tokens == (50_000_000 // 26) * len(vocabulary.encode("the dog barked at the cat"))
    # The text, the ids in 4 bytes twice and in 2 bytes, and SentencePiece's own for its parts.
    assert megabytes < 50 + 10 * tokens / 1e6 + 500
    assert 10 * vocabulary_module.CHARACTERS_OF_A_PART < 50_000_000


def test_a_file_that_holds_nothing_is_named(tmp_path, vocabulary):
    (tmp_path / "a.txt").write_text("the dog\n")
    (tmp_path / "b.txt").write_text("\n\n")
    lines: list[str] = []
    tokenized(TextSource(("a.txt", "b.txt")), vocabulary, tmp_path, lines.append)
    assert f"{tmp_path}/b.txt: holds no document" in lines
    assert not any("a.txt: holds" in line for line in lines)
    lines.clear()
    source = TextSource(("a.txt", "b.txt"))
    cache_of(source, vocabulary, tmp_path, tmp_path / "cache", lines.append)
    assert f"{tmp_path}/b.txt: holds no document" in lines
