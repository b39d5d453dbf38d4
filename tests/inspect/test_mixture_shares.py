"""What mixtures look like to someone who asks."""

from dataclasses import replace

import pytest

from t2t.errors import UserError
from t2t.inspect.mixture_shares import mixture_shares, shares
from t2t.metrics import classification as metrics
from t2t.registry import Mixture, Registry
from t2t.sources import MemorySource
from t2t.task import Task
from t2t.task_parts import classification
from t2t.vocabulary import load_vocabulary, train_vocabulary

SHORT, LONG = "the dog", "the cat ran from the dog and sat at the house"


def task(name: str, text: str, count: int, declared: int | None) -> Task:
    return classification(
        name=name,
        source=MemorySource({"train": rows(text, count)}),
        text=lambda row: row["text"],
        labels=("cat", "dog"),
        metrics=(metrics.accuracy,),
        num_examples={} if declared is None else {"train": declared},
    )


def rows(text: str, count: int) -> list[dict]:
    return [{"text": text, "label": number % 2, "idx": number} for number in range(count)]


class FarRows:
    """Rows that nobody has here without a data folder."""

    splits = ("train",)

    def rows(self, split, data_dir):
        return rows(SHORT, 3)

    def fingerprint(self, split, data_dir):
        return "far"


@pytest.fixture
def registry() -> Registry:
    """A task of 16 short examples, declared 100; one of 4 long ones, declared 25."""
    result = Registry()
    result.add(task("short", SHORT, 16, 100), "here")
    result.add(task("long", LONG, 4, 25), "here")
    result.add(task("probe", SHORT, 3, None), "here")
    result.add(Mixture(name="both", tasks=("short", "long"), evaluation_only=("probe",)), "here")
    return result


@pytest.fixture(scope="module")
def vocabulary_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "small.model"
    train_vocabulary([f"{SHORT} {LONG}"] * 20, 30, path, kind="bpe")
    return path


def table(registry, data_dir, name="both", *, report=lambda line: None, **options):
    given = {key: value for key, value in options.items() if value is not None}
    if data_dir is not None:
        given["data_dir"] = data_dir
    return {row["task"]: row for row in mixture_shares(registry, name, given, report)}


@pytest.mark.parametrize(
    ("changes", "short", "long"),
    [
        ({}, 16, 4),
        ({"rates": "equal"}, 1, 1),
        ({"rates": "reference"}, 100, 25),
        ({"cap": 9}, 9, 4),
        ({"temperature": 2.0}, 4, 2),
        ({"cap": 9, "temperature": 2.0}, 3, 2),
        ({"rates": "reference", "cap": 64}, 64, 25),
        ({"rates": "reference", "temperature": 2.0}, 10, 5),
    ],
)
def test_rates_are_those_that_were_asked_for(registry, tmp_path, changes, short, long):
    found = table(registry, tmp_path, **changes)
    assert [found[name]["rate"] for name in ("short", "long")] == pytest.approx([short, long])
    assert found["short"]["share_of_examples"] == pytest.approx(short / (short + long))
    assert found["long"]["share_of_examples"] == pytest.approx(long / (short + long))


def test_examples_are_counted_in_a_folder_and_declared_without_one(registry, tmp_path):
    def numbers(data_dir, **changes):
        found = table(registry, data_dir, **changes)
        return [(found[name]["examples"], found[name]["declared"]) for name in ("short", "long")]

    assert numbers(tmp_path) == [(16, 100), (4, 25)]
    assert numbers(None) == [(100, 100), (25, 25)]
    assert numbers(tmp_path, rates="reference") == [(16, 100), (4, 25)]


def test_shares_of_tokens_are_of_both_sides_with_their_ends(registry, tmp_path, vocabulary_file):
    vocabulary = load_vocabulary(vocabulary_file)

    def length(*texts: str) -> int:
        return sum(len(vocabulary.encode(text)) + 1 for text in texts)

    # Half of the examples say cat, half dog.
    labels = (length("cat") + length("dog")) / 2
    short, long = length(SHORT) + labels, length(LONG) + labels
    found = table(registry, tmp_path, vocabulary=vocabulary_file)
    assert found["short"]["tokens_per_example"] == pytest.approx(short)
    assert found["long"]["tokens_per_example"] == pytest.approx(long)
    whole = 16 * short + 4 * long
    assert found["short"]["share_of_tokens"] == pytest.approx(16 * short / whole)
    assert found["long"]["share_of_tokens"] == pytest.approx(4 * long / whole)
    equal = table(registry, tmp_path, vocabulary=vocabulary_file, rates="equal")
    assert equal["long"]["share_of_tokens"] == pytest.approx(long / (short + long))


def test_tasks_for_evaluation_only_are_there_with_rate_zero(registry, tmp_path, vocabulary_file):
    for settings in ({}, {"vocabulary": vocabulary_file}):
        found = table(registry, tmp_path, **settings)
        assert found["probe"].keys() == found["short"].keys()
        assert (found["probe"]["rate"], found["probe"]["share_of_examples"]) == (0.0, 0.0)
        assert found["probe"]["examples"] is None


def far_mixture(registry: Registry) -> str:
    registry.add(replace(task("far", SHORT, 3, None), source=FarRows()), "here")
    registry.add(Mixture(name="own", tasks=("far",)), "here")
    return "own"


def test_a_number_that_nobody_declares_must_be_counted(registry, tmp_path):
    name = far_mixture(registry)
    with pytest.raises(UserError, match="far declares no number of training examples"):
        table(registry, None, name)
    assert table(registry, tmp_path, name)["far"]["examples"] == 3


def test_a_number_that_nobody_declares_is_counted_where_rows_are_at_hand(registry):
    registry.add(Mixture(name="own", tasks=("probe",)), "here")
    assert table(registry, None, "own")["probe"]["examples"] == 3


def test_tasks_say_what_they_are_used_for(registry, tmp_path):
    registry.add(Mixture(name="some", tasks={"short": 2, "long": 0}), "here")
    registry.add(Mixture(name="more", tasks=("some",), evaluation_only=("both",)), "here")
    found = table(registry, tmp_path, "more")
    assert {name: (row["use"], row["rate"]) for name, row in found.items()} == {
        "short": ("training", 2.0),
        "long": ("evaluation only", 0.0),
        "probe": ("evaluation only", 0.0),
    }


def test_epochs_of_rows_with_one_example(registry, tmp_path):
    found = table(registry, tmp_path, rates="equal", steps=10, batch_size=8)
    assert (found["short"]["drawn"], found["short"]["epochs"]) == (40, pytest.approx(40 / 16))
    assert (found["long"]["drawn"], found["long"]["epochs"]) == (40, pytest.approx(40 / 4))
    assert found["probe"]["epochs"] is None
    unknown = table(registry, None, far_mixture(registry), rates="equal", steps=10, batch_size=8)
    assert (unknown["far"]["drawn"], unknown["far"]["epochs"]) == (80, None)


def test_epochs_of_packed_rows_are_estimated(registry, tmp_path, vocabulary_file):
    vocabulary = load_vocabulary(vocabulary_file)
    inputs = len(vocabulary.encode(SHORT)) + 1
    registry.add(Mixture(name="own", tasks=("short",)), "here")
    lines: list[str] = []
    found = table(
        registry,
        tmp_path,
        "own",
        vocabulary=vocabulary_file,
        steps=10,
        batch_size=8,
        pack=True,
        inputs_length=3 * inputs,
        targets_length=99,
        report=lines.append,
    )
    # Three examples fill a row: a window of 256 takes 86 rows, and a batch has 8 of them.
    assert lines[-1] == ("a packed batch holds about 23.8 examples, by those of the first window")
    assert found["short"]["epochs"] == pytest.approx(80 * 256 / 86 / 16)


def test_tokens_are_counted_as_they_are_cut(registry, tmp_path, vocabulary_file):
    lines: list[str] = []
    options = {"vocabulary": vocabulary_file, "inputs_length": 3, "targets_length": 2}
    found = table(registry, tmp_path, report=lines.append, **options)
    assert found["long"]["tokens_per_example"] == 5.0
    assert any(line.startswith("long: 4 of 4 inputs are cut at 3 tokens") for line in lines)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 5}, "--steps needs --batch-size"),
        ({"batch_size": 5}, "--batch-size needs --steps"),
        ({"inputs_length": 5}, "--inputs-length needs --vocabulary"),
        ({"steps": 5, "batch_size": 5, "pack": True}, "--pack needs --vocabulary"),
        ({"pack": True, "vocabulary": "v.model"}, "--pack is for epochs: it needs --steps"),
        ({"scale": 0.0}, r"--scale: .*greater than 0 \(got 0.0\)"),
    ],
)
def test_options_name_what_they_need(registry, options, message):
    with pytest.raises(UserError, match=message):
        table(registry, None, **options)


RECIPE = """
vocabulary: {vocabulary}
data: {{inputs_length: 64, targets_length: 16, batching: padded}}
mixture: {{tasks: {{both: 20, notes: 5}}}}
text: {{notes: {{files: [{folder}/notes.txt]}}}}
train: {{steps: 5, batch_size: 10, allow_truncated_targets: true}}
"""


def test_a_recipe_shows_what_it_mixes_with_its_own_rates(registry, tmp_path, vocabulary_file):
    (tmp_path / "notes.txt").write_text(f"{LONG}\n" * 40)
    path = tmp_path / "own.yaml"
    path.write_text(RECIPE.format(vocabulary=vocabulary_file, folder=tmp_path))
    rows = shares(registry, None, str(path), ["train.steps=10"], {}, lambda line: None)
    found = {row["task"]: row for row in rows}
    assert [found[name]["rate"] for name in ("short", "long", "notes")] == [16, 4, 5]
    assert [found[name]["drawn"] for name in ("short", "long", "notes")] == [64, 16, 20]
    assert found["notes"]["epochs"] == pytest.approx(20 / found["notes"]["examples"])
    assert found["probe"]["use"] == "evaluation only"


def test_tokens_are_those_of_the_examples_as_they_are_drawn(registry, tmp_path, vocabulary_file):
    uneven = [{"text": LONG, "label": 0, "idx": 0}]
    uneven += [{"text": SHORT, "label": 1, "idx": number} for number in range(1, 10)]
    own = task("own", SHORT, 1, None)
    registry.add(replace(own, source=MemorySource({"train": uneven})), "here")
    path = tmp_path / "own.yaml"
    text = RECIPE.format(vocabulary=vocabulary_file, folder=tmp_path)
    path.write_text(text.replace("{both: 20, notes: 5}", "[own]"))
    sets = ["text={}", "mixture.class_balance=uniform", "data.batching=packed"]
    (row,) = shares(registry, None, str(path), sets, {}, lambda line: None)
    vocabulary = load_vocabulary(vocabulary_file)
    ends = [len(vocabulary.encode(text)) + 1 for text in (LONG, "cat", SHORT, "dog")]
    assert row["tokens_per_example"] == pytest.approx(sum(ends) / 2)


def test_a_mixture_or_a_recipe_is_named(registry):
    for name, recipe in ((None, None), ("both", "own.yaml")):
        with pytest.raises(UserError, match="name a mixture, or a recipe with --recipe"):
            shares(registry, name, recipe, [], {}, print)
    with pytest.raises(UserError, match=r"--set goes with --recipe"):
        shares(registry, "both", None, ["seed=1"], {}, print)
    with pytest.raises(UserError, match=r"--cap goes with a mixture's name"):
        shares(registry, None, "own.yaml", [], {"cap": 5}, print)
