"""The command line: what is printed, exit codes, and no traceback for a user's mistake."""

import json
import re
import resource
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from t2t.cli import main
from t2t.commands.options import cell
from t2t.vocabularies.byte_vocabulary import write_byte_vocabulary
from t2t.vocabulary import load_vocabulary, train_vocabulary

RTE = [
    {"premise": "It rained all day.", "hypothesis": "It rained.", "label": "entailment", "idx": 0},
    {"premise": "A cat sat.", "hypothesis": "A dog sat.", "label": "not_entailment", "idx": 1},
]

# Its structure cannot be invented, so a submission needs it.
ANSWERS = [{"idx": 0, "text": "The cat."}]
QUESTIONS = [{"idx": 0, "question": "Who sat?", "answers": ANSWERS}]
MULTIRC = {"idx": 0, "passage": {"text": "A cat sat.", "questions": QUESTIONS}}


@pytest.fixture
def t2t(monkeypatch, capsys):
    """Run a command line in this process: (exit code, stdout, stderr)."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["t2t", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        output = capsys.readouterr()
        return code, output.out, output.err

    monkeypatch.delenv("T2T_DATA_DIR", raising=False)
    return run


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A data folder with two RTE rows a split, MultiRC's test file, some text and a vocabulary."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "superglue" / "RTE").mkdir(parents=True)
    lines = "".join(json.dumps(row) + "\n" for row in RTE)
    for split in ("train", "val", "test"):
        (folder / "superglue" / "RTE" / f"{split}.jsonl").write_text(lines)
    (folder / "superglue" / "MultiRC").mkdir()
    (folder / "superglue" / "MultiRC" / "test.jsonl").write_text(json.dumps(MULTIRC))
    text = [f"{row['premise']} {row['hypothesis']} rte premise: hypothesis:" for row in RTE] * 9
    (folder / "text.txt").write_text("\n".join(text))
    train_vocabulary(text, 40, folder / "small.model", kind="bpe", character_coverage=1.0)
    return folder


def recipe(data: Path, **changes: str | None) -> list[str]:
    settings = {
        "vocabulary": f"{data}/small.model",
        "data.dir": str(data),
        "mixture.tasks": "[super_glue_rte]",
        "text": "{}",
        "train.steps": "1",
        "model.overrides": "{num_layers: 1, num_decoder_layers: 1, d_model: 16, d_ff: 16}",
        **changes,
    }
    sets = [
        part for key, value in settings.items() if value for part in ("--set", f"{key}={value}")
    ]
    return ["multitask/super_glue_text", *sets]


def test_help_answers_at_once():
    times = []
    for _ in range(3):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = "from t2t.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True
        )
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        # Processor time: a busy machine is not a slow program.
        times.append(ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime)
    assert "quickstart" in done.stdout
    assert min(times) < 0.5


def test_tasks_are_listed_as_a_table_and_as_json(t2t):
    code, out, _ = t2t("tasks")
    assert code == 0
    assert "super_glue_boolq" in out
    _, out, _ = t2t("tasks", "list", "--json")
    rows = {row["task"]: row for row in map(json.loads, out.splitlines())}
    assert rows["super_glue_rte"]["declared_train_examples"] == 2490
    assert t2t("tasks", "--json")[1] == t2t("tasks", "list", "--json")[1]
    _, out, _ = t2t("tasks", "show", "super_glue_cb", "--json")
    assert json.loads(out)["labels"] == ["entailment", "contradiction", "neutral"]


def test_a_word_shortens_the_list_and_one_task_is_shown_with_its_example(t2t):
    _, out, _ = t2t("tasks", "list", "super_glue_w", "--json")
    assert {json.loads(line)["task"] for line in out.splitlines()} >= {"super_glue_wsc"}
    listed = t2t("tasks", "list", "super_glue_w")[1].splitlines()
    assert all("super_glue_w" in line for line in listed[1:])
    code, _, error = t2t("tasks", "list", "super_glu_wic")
    assert code == 2
    assert "did you mean 'super_glue_wic'?" in error
    _, out, _ = t2t("tasks", "show", "super_glue_rte")
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["num_examples"] == "train 2490, validation 277, test 3000"
    assert re.search(r"^example: inputs +rte hypothesis: .* premise: ", out, re.M)


MY_TASK = """
from t2t.metrics.classification import accuracy
from t2t.sources import MemorySource
from t2t.task_parts import classification

ROWS = [{{"idx": n, "text": text, "label": n}} for n, text in enumerate(("bad", {text!r}))]
TASKS = (
    classification(
        name="mine", source=MemorySource({{"train": ROWS}}), text=lambda row: row["text"],
        labels=("no", "yes"), metrics=(accuracy,),
    ),
)
"""


def test_a_task_of_the_users_own_is_listed_shown_previewed_and_checked(t2t, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(MY_TASK.format(text="good"))
    include = ("--include", mine)
    assert "\nmine " in t2t("tasks", "list", *include)[1]
    assert t2t("tasks", "show", "mine", *include)[1].startswith("task ")
    assert "good" in t2t("tasks", "preview", "mine", "--split", "train", *include)[1]
    code, out, error = t2t("tasks", "check", "mine", *include)
    assert code == 0
    assert "ok       mine train round trip: 2 examples read back as the gold value" in out
    assert error == "mine: errors 0, warnings 0\n"

    mine.write_text(MY_TASK.format(text=7))
    code, out, error = t2t("tasks", "check", "mine", "--json", *include)
    assert code == 2
    assert error == "mine: errors 1, warnings 0\nwrong: mine\n"
    (found,) = [line for line in map(json.loads, out.splitlines()) if line["level"] == "error"]
    assert found.pop("example").startswith("row 1: a cast returns pairs of inputs and targets")
    assert found == {
        "level": "error",
        "task": "mine",
        "split": "train",
        "check": "rows",
        "what": "rows cannot be cast: 1 problem",
        "where": None,
        "count": 1,
    }


def test_a_task_is_checked_on_real_files_with_a_vocabulary(t2t, data):
    options = ("--data-dir", data, "--vocabulary", data / "small.model")
    limits = ("--inputs-length", 99, "--targets-length", 5)
    code, out, _ = t2t("tasks", "check", "super_glue_rte", *options, *limits, "--split", "train")
    assert code == 2
    assert "error    super_glue_rte train lengths: the targets of 2 examples of 2 are over" in out
    assert "warning  super_glue_rte train count: 2 examples, and the official number is 2490" in out
    code, out, _ = t2t("tasks", "check", "super_glue_rte", *options, "--limit", 1)
    assert code == 0
    assert "validation" in out
    assert "count:" not in out


def test_preview_prints_what_the_model_is_shown(t2t, data, monkeypatch):
    monkeypatch.setenv("T2T_DATA_DIR", str(data))
    code, out, _ = t2t(
        "tasks", "preview", "super_glue_rte", "--split", "train", "--limit", 1, "--ids",
        "--vocabulary", data / "small.model",
    )  # fmt: skip
    assert code == 0
    (line,) = map(json.loads, out.splitlines())
    assert line["key"] == "0"
    assert line["inputs"] == "rte hypothesis: It rained. premise: It rained all day."
    assert line["targets"] == "entailment"
    vocabulary = load_vocabulary(data / "small.model")
    assert line["inputs_ids"] == [*vocabulary.encode(line["inputs"]), 1]
    assert line["targets_ids"] == [*vocabulary.encode(line["targets"]), 1]


def test_mixtures_show_counted_and_declared_examples(t2t):
    _, out, _ = t2t("mixtures", "show", "super_glue", "--json")
    rows = {row["task"]: row for row in map(json.loads, out.splitlines())}
    assert rows["super_glue_record"]["examples"] == 138854
    assert rows["super_glue_axb"]["rate"] == 0
    shares = [row["share_of_examples"] for row in rows.values()]
    assert sum(shares) == pytest.approx(1)
    code, out, _ = t2t("mixtures")
    assert code == 0
    assert "\nsuper_glue: " in out


def test_mixtures_show_epochs(t2t):
    options = ("--rates", "equal", "--steps", 1000, "--batch-size", 8)
    code, out, error = t2t("mixtures", "show", "super_glue", *options)
    assert (code, error) == (0, "")
    title, *lines = [line.split() for line in out.splitlines()]
    assert title[-2:] == ["drawn", "epochs"]
    by_task = {line[0]: line for line in lines}
    assert by_task["super_glue_cb"][-2:] == ["1000", "4.0000"]
    assert by_task["super_glue_axb"][1:3] == ["evaluation", "only"]


def test_mixtures_show_what_a_recipe_mixes(t2t, data):
    name, *sets = recipe(data)
    code, out, error = t2t("mixtures", "show", "--recipe", name, *sets, "--json")
    assert code == 0, error
    (row,) = map(json.loads, out.splitlines())
    assert (row["task"], row["examples"], row["share_of_tokens"]) == ("super_glue_rte", 2, 1.0)
    assert "a packed batch holds about" in error


def test_small_numbers_in_a_table_are_not_zero():
    assert [cell(number) for number in (0.0, 1e-9, 0.5, 1234.5)] == [
        "0.0000",
        "1e-09",
        "0.5000",
        "1234.5000",
    ]


def test_recipes_have_paths(t2t):
    _, out, _ = t2t("recipes")
    assert "finetune/super_glue" in out.splitlines()
    _, out, _ = t2t("recipes", "path", "finetune/super_glue")
    assert Path(out.strip()).is_file()


def test_configurations_of_accelerate_have_paths_and_are_no_recipes(t2t):
    _, out, _ = t2t("recipes")
    assert "accelerate" not in out
    _, out, _ = t2t("recipes", "path", "accelerate/fsdp2")
    assert Path(out.strip()).is_file()
    code, _, err = t2t("validate", "accelerate/fsdp2")
    assert code == 2
    assert 'accelerate launch --config_file "$(t2t recipes path accelerate/fsdp2)"' in err


def test_a_vocabulary_is_trained(t2t, data, tmp_path):
    code, out, error = t2t(
        "vocab", "train", data / "text.txt", "--size", 25, "--out", tmp_path / "v.model"
    )
    assert code == 0, error
    assert "25 pieces and 100 sentinels" in out


def test_validate_train_evaluate_and_score(t2t, data, tmp_path):
    code, out, _ = t2t("validate", *recipe(data))
    assert (code, out.splitlines()[-1]) == (0, "multitask/super_glue_text: ok")
    assert "training examples here (in the official set): super_glue_rte 2 (2490); rates use" in out
    code, _, error = t2t("train", *recipe(data), "--out", tmp_path / "run")
    assert code == 0, error
    code, out, _ = t2t(
        "evaluate", tmp_path / "run", "--tasks", "super_glue_rte", "--data-dir", data,
        "--out", tmp_path / "evaluation", "--max-target-length", 4,
    )  # fmt: skip
    assert code == 0
    assert "accuracy" in out
    code, _, error = t2t(
        "evaluate", tmp_path / "run", "--tasks", "super_glue_rte", "--data-dir", data,
        "--out", tmp_path / "beams", "--max-target-length", 4, "--beams", 2,
        "--length-penalty", 0,
    )  # fmt: skip
    assert code == 0, error
    record = json.loads((tmp_path / "beams" / "predictions" / "run.json").read_text())
    assert (record["decoding"]["beams"], record["decoding"]["length_penalty"]) == (2, 0.0)
    again, table, _ = t2t("score", tmp_path / "evaluation")
    assert again == 0
    assert table.strip() in out
    code, out, _ = t2t("convert", "t2t-to-hf", tmp_path / "run", tmp_path / "hf")
    assert code == 0
    assert (tmp_path / "hf" / "config.json").is_file()


@pytest.fixture
def elsewhere(monkeypatch, tmp_path, data) -> Path:
    """A working folder without data, whose T2T_DATA_DIR is the data folder."""
    monkeypatch.setenv("T2T_DATA_DIR", str(data))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_the_variable_names_the_data_of_a_run_and_of_its_submission(
    t2t, data, elsewhere, monkeypatch
):
    own = recipe(data, **{"data.dir": None})
    code, out, error = t2t("validate", *own)
    assert code == 0, error
    assert "super_glue_rte 2 (2490)" in out
    assert t2t("train", *own, "--out", "run")[0] == 0
    for name in ("rte", "multirc"):
        code, _, error = t2t(
            "evaluate", "run", "--tasks", f"super_glue_{name}", "--split", "test",
            "--out", "out", "--max-target-length", 2,
        )  # fmt: skip
        assert code == 0, error
    assert len((elsewhere / "out/predictions/super_glue_rte.test.jsonl").open().readlines()) == 2
    code, out, error = t2t(
        "submit", "superglue", "--predictions", "out", "--out", "s.zip", "--fill-missing"
    )
    assert code == 0, error
    code, out, error = t2t("submit", "check", "s.zip")
    assert code == 0, error
    assert "RTE.jsonl: 2 rows, the ids of superglue/RTE/test.jsonl" in out
    monkeypatch.delenv("T2T_DATA_DIR")
    code, _, error = t2t("submit", "check", "s.zip")
    assert code == 2
    assert "2998 of 3000 rows missing" in error


def test_the_variable_names_the_data_of_the_other_commands(t2t, data, elsewhere):
    code, out, _ = t2t("tasks", "preview", "super_glue_rte", "--split", "train")
    assert (code, len(out.splitlines())) == (0, 2)
    code, _, error = t2t("mixtures", "show", "super_glue")
    assert code == 2
    assert f"{data}/superglue/BoolQ/train.jsonl: no such file" in error
    code, _, error = t2t("vocab", "train", "text.txt", "--size", 25, "--out", "v.model")
    assert code == 0, error


def test_a_data_folder_that_is_named_goes_before_the_variable(t2t, data, elsewhere, tmp_path):
    named = ("--data-dir", tmp_path)
    for arguments in (
        ("tasks", "preview", "super_glue_rte", *named),
        ("mixtures", "show", "super_glue", *named),
        ("vocab", "train", "text.txt", "--size", 25, "--out", "v.model", *named),
        ("validate", *recipe(data, **{"data.dir": str(tmp_path)})),
    ):
        code, _, error = t2t(*arguments)
        assert code == 2
        assert str(data / "superglue") not in error
        assert str(tmp_path) in error


MISTAKES = [
    (["tasks", "check", "super_glue_bolq"], "did you mean 'super_glue_boolq'?"),
    (["tasks", "check", "super_glue_cb", "--split", "trian"], "did you mean 'train'?"),
    (["tasks", "check", "super_glue_cb", "--inputs-length", "9"], "need --vocabulary FILE"),
    (["tasks", "check", "super_glue_cb", "--data-dir", "{data}"], "has no file of any split"),
    (["tasks", "show", "super_glue_bolq"], "did you mean 'super_glue_boolq'?"),
    (["tasks", "preview", "super_glue_axb", "--split", "train"], "unknown split 'train'"),
    (["tasks", "preview", "super_glue_cb", "--data-dir", "{data}"], "CB/val.jsonl: no such file"),
    (["tasks", "preview", "super_glue_cb", "--data-dir", "{data}/absent"], "no such folder"),
    (["tasks", "preview", "super_glue_rte", "--ids", "--data-dir", "{data}"], "needs --vocabulary"),
    (["mixtures", "show", "super_gleu"], "did you mean 'super_glue'?"),
    (["mixtures", "show", "super_glue", "--steps", "5"], "--steps needs --batch-size"),
    (["mixtures", "show"], "name a mixture, or a recipe with --recipe"),
    (["recipes", "path", "finetune/superglue"], "did you mean 'finetune/super_glue'?"),
    (["train", "finetune/nope", "--out", "{out}"], "unknown recipe 'finetune/nope'"),
    (["evaluate", "{out}", "--tasks", "super_glue", "--out", "{out}", "--data-dir", "{data}"],
     "BoolQ/val.jsonl: no such file"),
    (["evaluate", "{data}", "--tasks", "super_glue_rte", "--out", "{out}", "--data-dir", "{data}"],
     "not a checkpoint"),
    (["evaluate", "{data}", "--tasks", "super_glue_rt", "--out", "{out}"], "did you mean"),
    (["evaluate", "{data}", "--tasks", "super_glue_rte", "--out", "{out}", "--length-penalty", "1"],
     "there is one; add --beams 4"),
    (["score", "{out}"], "{out}"),
    (["submit", "superglue", "--predictions", "{data}", "--out", "{out}/x.zip"],
     "no predictions for any file of superglue"),
    (["submit", "check", "{data}/text.txt"], "text.txt"),
    (["vocab", "train", "{data}/absent.txt", "--size", "30", "--out", "{out}/v"], "absent.txt"),
    (["vocab", "train", "{data}/text.txt", "--size", "9000", "--out", "{out}/v"], "too high"),
    (["vocab", "train", "{data}/text.txt", "--size", "25", "--out", "{data}"], "is a folder"),
    (["vocab", "train", "{data}/text.txt", "--size", "25", "--out", "{data}/text.txt/v"],
     "text.txt is no folder"),
    (["convert", "hf-to-t2t", "{data}", "{out}"], "config.json"),
    (["mixtures", "show", "super_glue_cb"], "is a task, not a mixture"),
    (["tasks", "preview", "super_glue_rte", "--vocabulary", "{data}/small.model"], "--ids"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda value: str(value)[:40])
def test_mistakes_are_one_message_and_leave_nothing(t2t, data, tmp_path, arguments, message):
    out = tmp_path / "out"
    places = {"data": data, "out": out}
    code, _, error = t2t(*(argument.format(**places) for argument in arguments))
    assert code == 2
    assert message.format(**places) in error
    assert "Traceback" not in error
    assert not out.exists() or not any(out.iterdir())


BAD_RECIPES = [
    ({"train.stpes": "3"}, "train.stpes: unknown key; did you mean 'steps'?"),
    ({"mixture.tasks": "[super_glue_rt]"}, "did you mean 'super_glue_rte'?"),
    ({"mixture.tasks": "{super_glue_rte: 0}"}, "no task with a rate above 0"),
    ({"mixture.tasks": "[super_glue_cb]"}, "CB/train.jsonl: no such file"),
    ({"vocabulary": "absent.model"}, "no such file; name yours with --set vocabulary=FILE"),
    ({"model.size": "t5-huge"}, "model.size: unknown model size 't5-huge'"),
    ({"model.overrides": "{num_leyers: 1}"}, "did you mean 'num_layers'?"),
    ({"model.overrides": "{vocab_size: 128}"}, "do not fit the model's 128"),
    ({"model.pretrained": "absent"}, "absent: no such folder"),
    ({"train.batch_size": "7", "train.accumulation": "2"}, "do not divide"),
    ({"data.dir": "absent"}, "absent: no such folder"),
    ({"text": "{books: {files: [text.txt]}}"}, "text.books: is not used"),
    ({"text": "{super_glue_rte: {files: [text.txt]}}"}, "take another"),
    ({"text": "{b: {files: [no.txt]}}", "mixture.tasks": "[b]"}, "no.txt"),
    ({"text": "{b: {files: [text.txt], noise_density: 0.5, mean_span: 1.0}}",
      "mixture.tasks": "[b]"}, "noise spans, but the vocabulary has 100"),
    ({"evaluation.tasks": "[super_glue_x]"}, "evaluation.tasks"),
    ({"evaluation.tasks": "[super_glue_rte]", "evaluation.split": "tset"}, "tset"),
    ({"data.targets_length": "2"}, "targets are cut"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), BAD_RECIPES, ids=lambda value: str(value)[:40])
def test_bad_recipes_are_refused_before_anything_is_built(t2t, data, tmp_path, changes, message):
    out = tmp_path / "run"
    code, _, error = t2t("train", *recipe(data, **changes), "--out", out)
    assert code == 2
    assert message in error
    assert not out.exists()
    assert t2t("validate", *recipe(data, **changes))[::2] == (2, error)


def test_every_problem_of_a_recipe_is_named_at_once(t2t, data):
    changes = {
        "vocabulary": "absent.model",
        "data.dir": "nowhere",
        "mixture.tasks": "[super_glue_rtee, super_glue_cbb]",
        "evaluation.tasks": "[super_glue_wcs]",
        "train.batch_size": "7",
        "train.accumulation": "2",
    }
    code, _, error = t2t("validate", *recipe(data, **changes))
    assert code == 2
    assert "6 problems" in error
    for name in ("absent.model", "nowhere", "_rtee", "_cbb", "_wcs", "do not divide"):
        assert name in error


def test_a_bad_row_is_named_by_file_line_and_field(t2t, data, tmp_path):
    folder = tmp_path / "superglue" / "RTE"
    folder.mkdir(parents=True)
    bad = [RTE[0], {**RTE[1], "label": "entailmnt"}]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, bad)))
    code, _, error = t2t("train", *recipe(data, **{"data.dir": str(tmp_path)}), "--out",
                         tmp_path / "run")  # fmt: skip
    assert code == 2
    assert f"{folder}/train.jsonl:2: label: " in error
    assert "did you mean 'entailment'?" in error


def test_problems_of_a_recipe_file_have_their_line(t2t, tmp_path, data):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: multitask/super_glue_text\nmixture:\n  tasks: [nope]\n")
    code, _, error = t2t("validate", path, "--set", f"vocabulary={data}/small.model",
                         "--set", "text={}")  # fmt: skip
    assert code == 2
    assert f"{path}:3: mixture.tasks: unknown task, mixture or text 'nope'" in error


def test_a_cache_is_built_shown_verified_and_mended(t2t, data, tmp_path: Path):
    arguments = ["cache", "build", "--vocabulary", data / "small.model", "--out", tmp_path / "c"]
    code, out, err = t2t(*arguments, data / "text.txt", "--workers", 1)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith(f"{tmp_path / 'c'}: whole; 18 documents, ")
    code, out, _ = t2t("cache", "show", tmp_path / "c")
    assert code == 0
    assert re.search(r"^documents +18$", out, re.M)
    code, out, _ = t2t("cache", "show", tmp_path / "c", "--json")
    assert json.loads(out)["files"] == [str(data / "text.txt")]
    assert t2t("cache", "verify", tmp_path / "c")[1].startswith(f"{tmp_path / 'c'}: ok; 18")
    ids = tmp_path / "c" / "shard-00000.ids"
    ids.write_bytes(bytes([ids.read_bytes()[0] ^ 1]) + ids.read_bytes()[1:])
    code, out, err = t2t("cache", "verify", tmp_path / "c")
    assert code == 2
    assert "shard-00000.ids is damaged" in err
    assert "`t2t cache build` with the same files" in err
    code, out, _ = t2t(*arguments, data / "text.txt")
    assert code == 0
    assert "shard-00000.ids is damaged: its SHA-256 is another; it is made again" in out
    assert t2t("cache", "verify", tmp_path / "c")[0] == 0


def test_bad_rows_of_a_cache_are_refused_on_request(t2t, data, tmp_path: Path):
    (tmp_path / "a.txt").write_bytes(b"\xff\nA cat sat.\n")
    arguments = ["cache", "build", "--vocabulary", data / "small.model", "--out", tmp_path / "c"]
    code, _, err = t2t(*arguments, tmp_path / "a.txt", "--on-bad-row", "refuse")
    assert code == 2
    assert "a.txt:1: line: not UTF-8 at byte 0" in err
    assert t2t(*arguments, tmp_path / "a.txt")[0] == 0
    assert t2t("cache", "show", tmp_path)[0] == 2


def test_sigterm_ends_the_building_of_a_cache_which_then_goes_on(data, tmp_path: Path):
    (tmp_path / "long.txt").write_bytes((data / "text.txt").read_bytes() * 80_000)
    command = [sys.executable, "-c", "from t2t.cli import main; main()", "cache", "build",
               "--vocabulary", data / "small.model", "--out", tmp_path / "c"]  # fmt: skip
    process = subprocess.Popen(
        [*command, tmp_path / "long.txt", "--workers", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("c/.building-*/*.ids")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert err == "t2t: stopped before the cache was whole; the same command goes on\n"
    assert {path.name for path in (tmp_path / "c").iterdir()} == {".lock", "plan.json"}


OWN_TASK = """
name: own
files: {train: rows.jsonl, validation: rows.jsonl}
inputs: "own text: {text}"
labels: [a, b]
metrics: [accuracy]
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """A folder with a task in YAML, a broken one beside it, and a vocabulary."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text(OWN_TASK)
    (tmp_path / "broken.yaml").write_text(OWN_TASK.replace("inputs", "input"))
    rows = [{"text": "one", "label": "a"}, {"text": "two", "label": "b"}]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    write_byte_vocabulary(tmp_path / "bytes.model")
    return tmp_path


OWN_RECIPE = [
    "finetune/own_task",
    *("--set", "train.steps=1", "--set", "mixture.tasks=[own]"),
    *("--set", "model.overrides={num_layers: 1, d_model: 16, d_ff: 16}"),
]


@pytest.mark.parametrize(
    "arguments",
    [
        ("tasks", "show", "own"),
        ("tasks", "preview", "own", "--split", "train"),
        ("tasks", "check", "own"),
        ("mixtures", "list"),
        ("mixtures", "show", "--recipe", *OWN_RECIPE),
        ("validate", *OWN_RECIPE),
    ],
)
def test_every_command_knows_the_tasks_that_are_included(t2t, own, arguments):
    code, _, err = t2t(*arguments, "--include", "own.yaml")
    assert code == 0
    assert "not loaded" not in err
    code, _, err = t2t(*arguments, "--include", ".")
    assert code == 0
    assert err.count("t2t: warning: not loaded: broken.yaml: task own: 1 problem") == 1


def test_a_list_says_what_the_user_named_and_cannot_be_loaded(t2t, own, monkeypatch):
    assert t2t("tasks", "list", "own", "--include", "own.yaml")[0] == 0
    code, out, err = t2t("tasks", "list", "--include", "own.yaml", "--include", "broken.yaml")
    assert code == 2
    assert "own " in out
    assert "super_glue_boolq" in out
    assert "broken.yaml:4: input: unknown key; did you mean 'inputs'?" in err
    code, _, err = t2t("tasks", "show", "own", "--include", "broken.yaml")
    assert code == 2
    assert "unknown task 'own'" in err
    entry = metadata.EntryPoint("mine", "nothing_of_this_name", "t2t.tasks")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [entry])
    code, out, err = t2t("tasks", "list")
    assert code == 0
    assert "super_glue_boolq" in out
    assert "warning: not loaded" in err


def test_what_is_included_is_recorded_and_known_again(t2t, own, monkeypatch):
    train = ("train", *OWN_RECIPE, "--out", "run")
    assert t2t(*train, "--include", "own.yaml")[::2] == (0, "")
    assert "include:\n- own.yaml\n" in (own / "run" / "recipe.yaml").read_text()
    evaluate = ("evaluate", "run", "--tasks", "own", "--out", "run")
    assert t2t(*evaluate)[::2] == (0, "")
    record = json.loads((own / "run" / "predictions" / "run.json").read_text())
    (entry,) = record["files"].values()
    assert entry["included"] == [str(own / "own.yaml")]
    assert t2t("score", "run")[::2] == (0, "")
    (own / "sub").mkdir()
    monkeypatch.chdir(own / "sub")
    assert t2t("score", "../run")[::2] == (0, "")
    monkeypatch.chdir(own)
    # Going on with another text of the task is another run.
    longer = (*train, "--set", "train.steps=2", "--include", "own.yaml")
    (own / "own.yaml").write_text(OWN_TASK.replace("own text", "other text"))
    code, _, err = t2t(*longer)
    assert code == 2
    assert "data of own: " in err
    (own / "own.yaml").write_text(OWN_TASK)
    # Where the file lies is nothing that a run learns.
    assert t2t(*longer[:-1], own / "own.yaml")[::2] == (0, "")


def test_a_recipe_may_name_what_it_includes(t2t, own):
    (own / "recipe.yaml").write_text(
        "extends: finetune/own_task\ninclude: [own.yaml]\nmixture: {tasks: [own]}\n"
    )
    assert t2t("validate", "recipe.yaml")[0] == 0
    assert t2t("validate", "recipe.yaml", "--include", "broken.yaml")[0] == 0
    (own / "recipe.yaml").write_text("extends: finetune/own_task\nmixture: {tasks: [own]}\n")
    code, _, err = t2t("validate", "recipe.yaml", "--include", "broken.yaml")
    assert code == 2
    assert "recipe.yaml:2: mixture.tasks: unknown task, mixture or text 'own'" in err
    assert "broken.yaml:4: input: unknown key" in err


def test_a_new_task_takes_no_name_that_is_taken(t2t, tmp_path):
    for name in ("super_glue_cb", "super_glue"):
        code, _, err = t2t("tasks", "new", name, "--out", tmp_path)
        assert code == 2
        assert f"{name!r} is the name of a task or mixture already" in err
    assert list(tmp_path.iterdir()) == []
