import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from t2t.data import cache_build
from t2t.data.cache import TokenCache
from t2t.data.cache_build import cache_of
from t2t.documents import TextSource
from t2t.errors import RunError, UserError
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary, train_vocabulary

SENTENCE = "the dog barked at a cat that ran from bird and sang to house while it rained"
WORDS = SENTENCE.split(" ")
SCRIPT = """
import sys
from pathlib import Path
from t2t.data.cache_build import cache_of
from t2t.documents import TextSource
from t2t.vocabulary import load_vocabulary

if __name__ == "__main__":
    vocabulary, text, folder, part_bytes, workers = sys.argv[1:]
    cache_of(TextSource((text,)), load_vocabulary(Path(vocabulary)), None, Path(folder), print,
             int(workers), part_bytes=int(part_bytes))
"""


def text(seed: int, documents: int, words: int = 12) -> str:
    chosen = random.Random(seed)
    return "".join(" ".join(chosen.choices(WORDS, k=words)) + "\n" for _ in range(documents))


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory) -> SentencePieceVocabulary:
    folder = tmp_path_factory.mktemp("vocabulary")
    return train_vocabulary(text(0, 200).splitlines(), 60, folder / "small.model", kind="bpe")


class Build:
    """Builds of one source in one folder, and what they report."""

    def __init__(self, folder: Path, vocabulary: SentencePieceVocabulary) -> None:
        self.data, self.folder, self.vocabulary = folder, folder / "cache", vocabulary
        self.lines: list[str] = []
        for number, name in enumerate(("a.txt", "b.txt")):
            (folder / name).write_text(text(number, 40))

    def __call__(self, *files: str, column: str = "text", bad: str = "skip", **options):
        self.lines.clear()
        source = TextSource(files or ("a.txt", "b.txt"), column, bad)
        options = {"workers": 1, "part_bytes": 700} | options
        return cache_of(
            source, self.vocabulary, self.data, self.folder, self.lines.append, **options
        )

    def files(self) -> dict[str, bytes]:
        # A worker that has yet to notice that its build was killed may have hidden files there.
        files = [path for path in sorted(self.folder.iterdir()) if path.is_file()]
        return {path.name: path.read_bytes() for path in files}

    def times(self) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in self.folder.glob("shard-*")}

    def rebuilt(self, before: dict[str, int]) -> set[str]:
        after = self.times()
        return {name for name in after if after[name] != before.get(name)}


@pytest.fixture
def build(tmp_path: Path, vocabulary) -> Build:
    return Build(tmp_path, vocabulary)


def test_a_whole_cache_is_opened_and_not_touched(build):
    cache = build()
    assert build.lines == [f"{build.folder}: {cache.tokens} tokens"]
    before = {path.name: path.stat().st_mtime_ns for path in build.folder.iterdir()}
    assert set(before) == {".lock", "manifest.json"} | {
        f"shard-{n:05d}.{kind}"
        for n in range(len(cache.manifest.shards))
        for kind in ("ids", "offsets")
    }
    build()
    assert build.lines == []
    assert {path.name: path.stat().st_mtime_ns for path in build.folder.iterdir()} == before


def test_any_number_of_workers_writes_the_same_bytes(build):
    build()
    alone = build.files()
    build.folder.rename(build.data / "alone")
    build(workers=2)
    assert build.files() == alone


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"files": ("b.txt", "a.txt")}, "a.txt -> {data}/b.txt; {data}/b.txt -> {data}/a.txt"),
        ({"files": ("a.txt",)}, "b.txt was left out"),
        ({"files": ("a.txt", "b.txt", "a.txt")}, "a.txt was added"),
        ({"column": "body"}, "column 'text' -> 'body'"),
        ({"part_bytes": 800}, "parts of 700 -> 800 bytes"),
    ],
)
def test_another_plan_builds_anew_and_says_why(build, change, reason):
    build()
    build(*change.pop("files", ()), **change)
    assert build.lines[0].startswith(f"{build.folder}: the cache is built anew: ")
    assert build.lines[0].endswith(reason.format(data=build.data))
    after = build.files()
    build.folder.rename(build.data / "other")
    # The same as if it had been built like that from the start.
    build.lines.clear()
    manifest = json.loads(after["manifest.json"])["plan"]
    build(
        *[Path(file["name"]).name for file in manifest["files"]],
        column=manifest["column"],
        part_bytes=manifest["part_bytes"],
    )
    assert build.files() == after


def test_another_vocabulary_builds_anew(build, tmp_path: Path):
    build()
    build.vocabulary = train_vocabulary(WORDS * 30, 50, tmp_path / "b.model", kind="bpe")
    cache = build()
    assert build.lines[0] == f"{build.folder}: the cache is built anew: another vocabulary"
    assert cache.read(*(np.array([n]) for n in (0, 0, cache.lengths[0]))).tolist() == (
        build.vocabulary.encode((tmp_path / "a.txt").read_text().split("\n")[0])
    )


def test_of_many_reasons_some_are_told(build):
    for number in range(9):
        (build.data / f"{number}.txt").write_text(text(number, 2))
    build("*.txt")
    build()
    assert build.lines[0].endswith(f"{build.data / '4.txt'} was left out; and 6 more")


def test_changed_text_builds_anew_even_if_it_is_as_long(build):
    build()
    path = build.data / "b.txt"
    path.write_text(path.read_text().replace("dog", "cat"))
    os.utime(path, ns=(1, 1))
    build()
    assert build.lines[0] == f"{build.folder}: the cache is built anew: {path} has changed"


def test_another_time_or_place_of_the_same_text_is_no_change(build):
    build()
    before = build.times()
    os.utime(build.data / "a.txt", ns=(1, 1))
    (build.data / "b.txt").rename(build.data / "c.txt")
    cache = build("a.txt", "c.txt")
    assert (build.lines, build.rebuilt(before)) == ([], set())
    assert [file.name for file in cache.manifest.plan.files] == [
        str(build.data / "a.txt"),
        str(build.data / "c.txt"),
    ]


@pytest.mark.parametrize("harm", ["cut", "flip", "remove", "grow"])
@pytest.mark.parametrize("kind", ["ids", "offsets"])
def test_a_damaged_shard_is_named_and_made_again_alone(build, harm, kind):
    build()
    whole = build.files()
    path = build.folder / f"shard-00002.{kind}"
    data = path.read_bytes()
    harmed = {"cut": data[:-1], "flip": bytes([data[0] ^ 255]) + data[1:], "grow": data + b"0"}
    path.unlink()
    if harm != "remove":
        path.write_bytes(harmed[harm])
    before = build.times()
    build(verify=harm == "flip")
    assert f"shard-00002.{kind} " in build.lines[0]
    assert build.lines[0].endswith("; it is made again")
    assert build.rebuilt(before) == {"shard-00002.ids", "shard-00002.offsets"}
    assert build.files() == whole


@pytest.mark.parametrize("name", ["manifest.json", "plan.json"])
def test_a_damaged_manifest_or_plan_builds_anew(build, name):
    build()
    whole = build.files()
    (build.folder / "manifest.json").rename(build.folder / name)
    (build.folder / name).write_text("{")
    build()
    assert "the cache is built anew: " in build.lines[0]
    assert build.files() == whole


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize(
    ("moment", "shards"), [(".lock", 0), ("plan.json", 0), (".", 1), (".", 4), (".", 9)]
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_build_that_was_killed_goes_on_to_the_same_bytes(build, moment, shards, workers):
    (build.data / "long.txt").write_text(text(7, 24_000))
    options = {"workers": 2, "part_bytes": 60_000}
    build("long.txt", **options)
    whole = build.files()
    build.folder.rename(build.data / "whole")
    script = build.data / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, script, build.vocabulary.path, build.data / "long.txt", build.folder,
         "60000", str(workers)]
    )  # fmt: skip
    wait_for(lambda: len(list(build.folder.glob("shard-*.json"))) >= shards)
    wait_for((build.folder / moment).exists)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (build.folder / "manifest.json").exists()
    assert len(list((build.data / "whole").glob("*.ids"))) > 12
    records = {path.stem for path in build.folder.glob("shard-*.json")}
    before = build.times()
    build("long.txt", **options)
    # Finished shards are kept; one may have got its names and not yet its record.
    assert {Path(name).stem for name in build.rebuilt(before)}.isdisjoint(records)
    assert build.files() == whole
    if records:
        total = len(whole) // 2 - 1
        assert build.lines[0] == f"{build.folder}: {len(records)} of {total} shards are there"


def test_a_build_that_is_stopped_leaves_whole_shards_alone(build, monkeypatch):
    publish = cache_build._publish

    def stopped(*arguments):
        publish(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(cache_build, "_publish", stopped)
    with pytest.raises(KeyboardInterrupt):
        build(workers=2)
    assert len(list(build.folder.glob("shard-*.json"))) == 1
    assert not list(build.folder.glob(".building*"))


def test_a_second_builder_waits_for_the_first(build):
    import fcntl

    build.folder.mkdir()
    with (build.folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread = threading.Thread(target=build)
        thread.start()
        wait_for(lambda: build.lines)
        waiting = f"{build.folder}: waiting for another process that builds this cache"
        assert build.lines == [waiting]
        assert not (build.folder / "plan.json").exists()
    thread.join()
    assert (build.folder / "manifest.json").exists()


def test_bad_rows_are_counted_named_and_refused(build):
    path = build.data / "bad.txt"
    lines = text(3, 60).encode().split(b"\n")
    lines[9] = lines[48] = b"\xff"
    path.write_bytes(b"\n".join(lines))
    cache = build("bad.txt")
    assert cache.left_out == {"bad documents": 2}
    assert len(cache.lengths) == 58
    assert build.lines[-1] == (
        f"bad.txt: bad documents left out: 2, such as {path}:10: line: not UTF-8 at byte 0"
    )
    # A whole cache is refused like one that is to be built.
    with pytest.raises(UserError, match=r"(?s)refused, bad rows: 2.*bad\.txt:10.*bad\.txt:49"):
        build("bad.txt", bad="refuse")
    build.folder = build.data / "refused"
    with pytest.raises(UserError, match=r"refused, bad rows: 1\n.*bad\.txt:10"):
        build("bad.txt", bad="refuse")


def test_a_source_without_documents_is_refused(build):
    (build.data / "empty.txt").write_bytes(b" \n\n")
    for _ in range(2):
        with pytest.raises(UserError, match=r"empty\.txt: no documents"):
            build("empty.txt")


def test_all_kinds_of_files_make_one_cache(build):
    import pyarrow
    import pyarrow.parquet

    lines = text(5, 30).splitlines()
    (build.data / "a.jsonl").write_text(
        "".join(json.dumps({"text": line}) + "\n" for line in lines)
    )
    (build.data / "b.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    pyarrow.parquet.write_table(
        pyarrow.table({"text": lines}), build.data / "c.parquet", row_group_size=7
    )
    cache = build("a.jsonl", "b.txt.gz", "c.parquet", workers=2)
    lengths = [len(build.vocabulary.encode(line)) for line in lines]
    assert cache.lengths.tolist() == lengths * 3


def test_text_that_changes_under_a_build_is_refused(build, monkeypatch):
    publish = cache_build._publish

    def touched(*arguments):
        publish(*arguments)
        os.utime(build.data / "a.txt", ns=(1, 1))

    monkeypatch.setattr(cache_build, "_publish", touched)
    with pytest.raises(UserError, match=r"a\.txt: changed while its cache was built"):
        build()
    assert not (build.folder / "manifest.json").exists()


def test_other_folders_are_left_alone(build):
    build.folder.mkdir()
    (build.folder / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds notes\.txt and is no token cache"):
        build()
    assert build.files() == {"notes.txt": b"mine"}
    (build.folder / "notes.txt").rename(build.folder / "manifest.json")
    (build.folder / "manifest.json").write_text('{"weights": 1}')
    with pytest.raises(UserError, match=r"holds manifest\.json and is no token cache"):
        build()
    build.folder = build.data / "a.txt"
    with pytest.raises(UserError, match=r"a\.txt: cannot be a cache's folder"):
        build()


def test_a_disk_that_refuses_is_a_failed_run(build, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError, match="cache cannot be built: No space left on device"):
        build()


@pytest.mark.parametrize(
    "files",
    [
        {"shard-00000.jsonl": "{}"},
        {"shard-user-data.parquet": ""},
        {"shard-00000.ids": "mine"},
        {"manifest.json": '{"format": "mine"}', "plan.json": "my plan {"},
    ],
)
def test_files_of_the_users_are_left_alone_and_named(build, files):
    build.folder.mkdir()
    for name, content in files.items():
        (build.folder / name).write_text(content)
    (build.folder / ".ssh.json.bak").write_text("hidden")
    before = build.files()
    with pytest.raises(UserError, match=r"(shard-|manifest\.json|plan\.json).* is no token cache"):
        build()
    assert build.files() == before


def test_a_cache_leaves_hidden_files_of_others_alone(build):
    build.folder.mkdir()
    (build.folder / ".notes.json.bak").write_text("hidden")
    build()
    build("a.txt")
    assert (build.folder / ".notes.json.bak").read_text() == "hidden"


@pytest.mark.parametrize("place", [0, 1, -1])
def test_offsets_that_bound_no_documents_are_named_and_made_again(build, place):
    whole = build()
    path = build.folder / "shard-00000.offsets"
    offsets = np.fromfile(path, "<i8")
    offsets[place] += 5 if place else 1
    if place == 1:
        offsets[1] = offsets[2]
    offsets.tofile(path)
    with pytest.raises(UserError, match=r"shard-00000\.offsets is damaged"):
        TokenCache.open(build.folder)
    again = build()
    assert any("shard-00000.offsets is damaged" in line for line in build.lines)
    assert again.lengths.tolist() == whole.lengths.tolist()


@pytest.mark.parametrize(
    "damage",
    [
        lambda m: m["shards"][0].update(documents="x"),
        lambda m: m["shards"][0].update(tokens=-1),
        lambda m: m["shards"][0].update(ids_sha256=None),
        lambda m: m["plan"].update(dtype="zz"),
        lambda m: m["plan"].update(files=3),
        lambda m: m["plan"]["files"][0].update(parts=[["a", "b", "c"]]),
        lambda m: m.pop("plan"),
    ],
)
def test_a_manifest_that_says_nonsense_is_named_and_the_cache_built_again(build, damage):
    whole = build()
    path = build.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    damage(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"manifest\.json: damaged"):
        TokenCache.open(build.folder)
    assert build().lengths.tolist() == whole.lengths.tolist()


@pytest.mark.parametrize("content", ["[]", "3", "{", ""])
def test_a_manifest_that_is_none_is_built_again(build, content):
    build()
    (build.folder / "manifest.json").write_text(content)
    assert build().manifest.documents == 80


def test_bad_rows_are_counted_whole_where_the_first_are_named(build):
    (build.data / "bad.jsonl").write_text('{"text": 1}\n' * 27)
    with pytest.raises(UserError, match=r"(?s)bad rows: 27.*bad\.jsonl:10.*and 17 more"):
        build("bad.jsonl", bad="refuse", part_bytes=10_000)


def test_a_tokenizers_folder_makes_a_cache_in_several_processes(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    model = Tokenizer(models.WordLevel({"a": 0, "b": 1, "</s>": 2}))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, eos_token="</s>")
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    (tmp_path / "text.txt").write_text("a b b\n" * 40)
    vocabulary = load_vocabulary(tmp_path / "tokenizer", 3)
    source = TextSource((str(tmp_path / "text.txt"),))
    cache = cache_of(source, vocabulary, None, tmp_path / "cache", print, 2, part_bytes=100)
    first = np.zeros(1, np.int64)
    found = cache.read(np.array([39]), first, np.array([3]))
    assert found.tolist() == vocabulary.encode("a b b") == [2, 3, 3]
