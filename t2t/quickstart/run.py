"""The whole story on the embedded world, in minutes on a CPU: `t2t quickstart`.

World, vocabulary, pre-training by span corruption, multitask fine-tuning, scores on held-out
words, a submission that passes its check, a table, and a page to look at it all. Each step is
the function behind a command, used as on real data; the recipes are recipes/quickstart/*.yaml.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from rich import box
from rich.console import Console
from rich.table import Table

from t2t.errors import RunError, UserError
from t2t.evaluation.evaluate import evaluate
from t2t.evaluation.leaderboards.check import check_submission
from t2t.evaluation.leaderboards.submission import write_submission
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.evaluation.report.report import write_report
from t2t.evaluation.scoring import Scores, TaskScores
from t2t.files import write_json, write_text
from t2t.model.weights import load_weights
from t2t.quickstart.baselines import bag_of_words, baseline_score, majority
from t2t.quickstart.lexicon import CLASSES
from t2t.quickstart.probe import share_of_kindred_neighbours
from t2t.quickstart.world import Sizes, write_world
from t2t.recipe_files import load_recipe
from t2t.registry import Registry
from t2t.task_loading import load_tasks
from t2t.training.loop import train
from t2t.vocabulary import load_vocabulary, train_vocabulary

SEED = 0
SIZES = Sizes(documents=60_000, train=1200, heldout=300)
PIECES = 1180
MIXTURE = "super_glue"
LEARNED_MARGIN = 15.0
"""Points above the majority from which the table calls a task learned."""
SHORT_NOTE = "Trained for seconds, to run every stage: these scores mean nothing."
SHORT_STEPS = 60
"""Training steps with --short: enough to run every stage, too few to learn."""


@dataclass(frozen=True, slots=True)
class Story:
    """Where one quickstart writes, and how long it trains."""

    out: Path
    short: bool
    registry: Registry
    began: float

    def say(self, text: str) -> None:
        """A line of progress with the seconds since the start."""
        print(f"[{time.monotonic() - self.began:5.1f} s] {text}", flush=True)

    def train(self, recipe: str, *settings: str) -> None:
        """Train by a shipped quickstart recipe in the folder of the same name."""
        sets = [
            _setting("vocabulary", self.out / "spiece.model"),
            _setting("data.dir", self.out),
            *settings,
            *([f"train.steps={SHORT_STEPS}"] if self.short else []),
        ]
        train(load_recipe(f"quickstart/{recipe}", sets), self.out / recipe, self.registry)

    def evaluate(self, run: str) -> Scores:
        """Score a run on the validation and the test rows, in the run's own folder."""
        folder = self.out / run
        for split in ("validation", "test"):
            scores = evaluate(
                folder, [MIXTURE], split, self.out, folder, self.registry, report=lambda _: None
            )
        return scores


def _setting(key: str, path: Path) -> str:
    """A path as a `--set` argument; in quotes, for a folder may be named 2024 or "a: b"."""
    return f"{key}={json.dumps(str(path))}"


def quickstart(out: Path, short: bool, no_pretrain: bool) -> None:
    """Run the whole story in `out`; the same command again goes on where it stopped.

    Args:
        out: the folder to write: documents.txt, superglue/, spiece.model, a folder for each
            run, submission.zip, scores.json and report.html.
        short: all stages, but seconds of training: the scores mean nothing.
        no_pretrain: also fine-tune without pre-training, with settings of its own.

    Raises:
        UserError: `out` holds a quickstart of the other length, or other files.
    """
    with tiny_model_arithmetic():
        _tell(Story(out, short, load_tasks(), time.monotonic()), no_pretrain)


@contextlib.contextmanager
def tiny_model_arithmetic() -> Iterator[None]:
    """One thread and no denormal numbers, until the end of the block.

    Small matrices gain nothing from a second thread, and numbers that decay towards zero make
    a CPU crawl.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


def _tell(story: Story, no_pretrain: bool) -> None:
    _claim(story)
    if story.short:
        print(f"--short: {SHORT_STEPS} steps a stage show that all works, and learn nothing")
    make_data(story)
    _pretrain(story)
    story.say("multitask fine-tuning on the eight SuperGLUE tasks")
    story.train("finetune", _setting("model.pretrained", story.out / "pretrain"))
    scores = story.evaluate("finetune")
    without = _without_pretraining(story) if no_pretrain else None
    _submit(story)
    _report(story, scores, without)
    _write_page(story)


def _claim(story: Story) -> None:
    """Mark the folder as a short or a full quickstart: the two share no checkpoint.

    A folder with other things in it is refused: superglue/ there may be someone's real data.
    """
    marker = story.out / "quickstart.txt"
    if story.out.is_dir() and any(story.out.iterdir()) and not marker.is_file():
        raise UserError(f"{story.out}: holds files that no quickstart wrote; take another --out")
    kind = "short" if story.short else "full"
    if marker.is_file() and marker.read_text(encoding="utf-8").strip() != kind:
        raise UserError(
            f"{story.out}: holds a quickstart {'without' if story.short else 'with'} --short; "
            "take another --out"
        )
    write_text(marker, f"{kind}\n")


def make_data(story: Story) -> None:
    """Documents, rows in the official layout, and a vocabulary of their words."""
    write_world(story.out, SIZES, SEED)
    story.say(f"wrote {SIZES.documents:,} documents and the ten SuperGLUE tasks to {story.out}")
    vocabulary = train_vocabulary(
        _texts(story), PIECES, story.out / "spiece.model", kind="bpe", character_coverage=1.0
    )
    story.say(f"trained a vocabulary of {vocabulary.size:,} ids")


def _texts(story: Story) -> list[str]:
    """What the vocabulary is trained on: the documents, and how the tasks are put in words."""
    texts = (story.out / "documents.txt").read_text(encoding="utf-8").splitlines()
    for task in story.registry.expand([MIXTURE], training=True):
        for example in task.examples("train", story.out, training=True):
            texts += [example.inputs, *example.targets]
    return texts


def _pretrain(story: Story) -> None:
    """Span corruption on the documents, and what the embeddings then know."""
    story.say("pre-training by span corruption")
    story.train("pretrain")
    share = share_of_kindred_neighbours(
        load_weights(story.out / "pretrain").embedding.weight.detach(),
        load_vocabulary(story.out / "spiece.model"),
        {one.name: one.nouns for one in CLASSES},
    )
    story.say(
        f"probe: the nearest neighbour of {share:.0%} of the nouns is of their class "
        f"(chance {1 / len(CLASSES):.0%})"
    )


def _without_pretraining(story: Story) -> Scores:
    story.say("the same model without pre-training, with its own settings")
    story.train("finetune_scratch")
    return story.evaluate("finetune_scratch")


def _submit(story: Story) -> None:
    """The submission of the test predictions, checked against the world's own test files."""
    path = story.out / "submission.zip"
    written = write_submission(SUPERGLUE, story.out / "finetune", path, story.registry, story.out)
    checked = check_submission(path, SUPERGLUE, story.registry, story.out)
    print("\n".join([*written.lines(), checked.lines()[-1]]))


@dataclass(frozen=True, slots=True)
class Line:
    """One task of the final table; scores are the mean of its metrics, times 100."""

    task: str
    majority: float
    bag_of_words: float
    without_pretraining: float | None
    score: float
    invalid: int

    @property
    def learned(self) -> bool:
        """Whether the score is clearly above what needs no understanding."""
        return self.score >= self.majority + LEARNED_MARGIN

    def as_json(self) -> dict[str, Any]:
        """The columns, without the task's name."""
        columns = asdict(self) | {"learned": self.learned}
        return {name: value for name, value in columns.items() if name != "task"}

    def cells(self) -> list[str]:
        """The columns of the table but the last."""
        scores = (self.majority, self.bag_of_words, self.without_pretraining, self.score)
        shown = [f"{score:.1f}" for score in scores if score is not None]
        return [self.task.removeprefix(f"{MIXTURE}_"), *shown, str(self.invalid)]


def _report(story: Story, scores: Scores, without: Scores | None) -> None:
    """Print and write the table of test scores."""
    lines = _lines(story, scores, without)
    average = _average(lines)
    Console().print(_table(lines, average))
    if story.short:
        print("--short: these scores mean nothing")
    else:
        missed = [line.task for line in lines if not line.learned]
        margin = f"{LEARNED_MARGIN:.0f} points or more above the majority"
        print(f"not {margin}: {', '.join(missed)}" if missed else f"all tasks are {margin}")
    elapsed = time.monotonic() - story.began
    write_json(
        story.out / "scores.json",
        {
            "short": story.short,
            "seconds": round(elapsed, 1),
            "split": "test",
            "tasks": {line.task: line.as_json() for line in lines},
            "average": average.as_json(),
        },
    )
    story.say(f"done: submission.zip, scores.json and the runs are in {story.out}")


def _write_page(story: Story) -> None:
    """The report over all runs of the story, to be opened in a browser."""
    note = SHORT_NOTE if story.short else ""
    written = write_report([story.out], story.registry, note=note, report=lambda _: None)
    print("\n".join(["a page of scores, curves and examples:", *written.lines()]))


def _lines(story: Story, scores: Scores, without: Scores | None) -> list[Line]:
    """A line a task."""
    test = _by_task(scores)
    other = _by_task(without) if without else {}
    lines = []
    for task in story.registry.expand([MIXTURE], training=True):
        result = test[task.name]
        lines.append(
            Line(
                task=task.name,
                majority=baseline_score(task, story.out, majority, "test"),
                bag_of_words=baseline_score(task, story.out, bag_of_words, "test"),
                without_pretraining=_score(other[task.name]) if other else None,
                score=_score(result),
                invalid=result.num_invalid,
            )
        )
    return lines


def _by_task(scores: Scores) -> dict[str, TaskScores]:
    return {one.name.task: one for one in scores.tasks if one.name.split == "test"}


def _score(result: TaskScores) -> float:
    if result.score is None:
        raise RunError(f"{result.name.task}: its test rows have lost their labels")
    return result.score


def _average(lines: Sequence[Line]) -> Line:
    known = [one.without_pretraining for one in lines if one.without_pretraining is not None]
    return Line(
        task="average",
        majority=fmean(line.majority for line in lines),
        bag_of_words=fmean(line.bag_of_words for line in lines),
        without_pretraining=fmean(known) if known else None,
        score=fmean(line.score for line in lines),
        invalid=sum(line.invalid for line in lines),
    )


def _table(lines: Sequence[Line], average: Line) -> Table:
    table = Table(box=box.SIMPLE, title="SuperGLUE of held-out words, test rows")
    table.add_column("task", no_wrap=True)
    compared = ["without\npre-training"] if average.without_pretraining is not None else []
    for title in ("majority", "bag of\nwords", *compared, "score", "invalid", "learned"):
        table.add_column(title, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*line.cells(), "yes" if line.learned else "no")
    table.add_section()
    table.add_row(*average.cells(), f"{sum(line.learned for line in lines)} of {len(lines)}")
    return table
