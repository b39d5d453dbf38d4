"""docs/templates.md: every file on the page is used, every command and every block of code runs."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from t2t.cli import main
from t2t.task_loading import load_tasks
from t2t.vocabularies.byte_vocabulary import write_byte_vocabulary

PAGE = (Path(__file__).resolve().parents[1] / "docs/templates.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(yaml|python)\n(.*?)```", PAGE, re.S)
SENTENCES = [("A fine film.", "positive"), ("I left early.", "negative")] * 3


def jsonl(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page's commands run: its own files, and some rows."""
    monkeypatch.chdir(tmp_path)
    words, sentiment = (text for kind, text in BLOCKS if kind == "yaml")
    Path("words.yaml").write_text(words)
    Path("sentiment.yaml").write_text(sentiment)
    for split in ("train", "validation"):
        rows = [{"sentence": text, "label": label} for text, label in SENTENCES]
        jsonl(Path(f"sentiment.{split}.jsonl"), rows)
    for task, labels in (("RTE", ("entailment", "not_entailment")),
                         ("CB", ("entailment", "contradiction", "neutral"))):  # fmt: skip
        for split in ("train", "val"):
            rows = [
                {"premise": f"p{n}", "hypothesis": f"h{n} {split}", "idx": n, "label": label}
                for n, label in enumerate(labels * 6)
            ]
            jsonl(Path(f"data/superglue/{task}/{split}.jsonl"), rows)
    instance = {"id": "1", "input": "ab", "output": ["ba"]}
    document = {"Definition": ["Turn."], "Positive Examples": [], "Instances": [instance]}
    jsonl(Path("natural-instructions/tasks/task1_turn.json"), [document])
    for split, name in (("train", "task1_turn"), ("test", "task1_turn")):
        path = Path(f"natural-instructions/splits/default/{split}_tasks.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n" if split == "train" else "")
    write_byte_vocabulary(Path("spiece.model"))
    Path("templates.py").write_text(
        'PATTERNS = {"rte": [("{premise} {hypothesis} {options_}", "{answer}")]}'
    )
    return tmp_path


def test_every_command_runs(place, capsys, monkeypatch):
    def run(command: str) -> str:
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code, command
        return capsys.readouterr().out

    (instructions,) = (text for kind, text in BLOCKS if "instruction_tasks(" in text)
    (place / "instructions.py").write_text(instructions)
    commands = re.findall(r"^    (t2t .*)$", PAGE, re.M)
    assert len(commands) == 5
    outputs = [run(command) for command in commands]
    rte, _, mood, cb, listed = outputs
    assert len(rte.splitlines()) == 2
    assert {json.loads(line)["targets"] for line in rte.splitlines()} <= {"yes", "no"}
    assert len(mood.splitlines()) == len(SENTENCES)
    assert json.loads(cb)["inputs"].count("input: cb ") == 4
    assert "ni_task1_turn" in listed


@pytest.mark.parametrize("number", range(sum(kind == "python" for kind, _ in BLOCKS)))
def test_every_block_of_code_gives_tasks(place, number):
    path = place / f"block{number}.py"
    path.write_text([text for kind, text in BLOCKS if kind == "python"][number])
    registry = load_tasks([path])
    assert registry.problems == []
    own = [task for name, task in registry.tasks.items() if registry.place(name) == str(path)]
    assert own
    for task in own:
        assert task.examples(task.splits[0], place / "data")


def test_the_words_are_those_of_the_page(place):
    registry = load_tasks([Path("sentiment.yaml")])
    examples = registry.task("sentiment_every_template").examples("validation", None)
    assert [example.inputs for example in examples[:2]] == [
        "A fine film. Did the writer like it? OPTIONS:\n- no\n- yes",
        "Negative or positive: A fine film.",
    ]
    trained = registry.task("sentiment_template_ask_back").examples("train", None, training=True)
    assert trained[0].inputs == "Write something positive."
