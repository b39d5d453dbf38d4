"""From a checkpoint and tasks to predictions files and scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from t2t.errors import UserError, refuse
from t2t.evaluation.checkpoints import LoadedModel, load_ensemble, load_for_evaluation
from t2t.evaluation.includes import INCLUDED, as_recorded
from t2t.evaluation.prediction.candidates import why_not_ranked
from t2t.evaluation.prediction.decoding import DecodingSettings
from t2t.evaluation.prediction.predict import Decoder, Report
from t2t.evaluation.prediction.predictions_writer import PredictionsWriter
from t2t.evaluation.prediction.score_adjustment import ScoreAdjust
from t2t.evaluation.scoring import Scores, score_directory, scores_table
from t2t.processes import from_main
from t2t.registry import Registry
from t2t.sources import check_split
from t2t.task import Example, Examples, Method, Task


def evaluate(
    checkpoint: Path,
    tasks: Sequence[str],
    split: str,
    data_dir: Path | None,
    out: Path,
    registry: Registry,
    *,
    vocabulary_file: Path | None = None,
    sentinels: int | None = None,
    ensemble: Sequence[Path] = (),
    decoding: DecodingSettings | Mapping[str, Any] | None = None,
    score_adjust: ScoreAdjust | None = None,
    accelerator: Accelerator | None = None,
    report: Report = print,
) -> Scores:
    """Predict a split of some tasks, write predictions/TASK.SPLIT.jsonl and score the folder.

    All rows are read before the model is loaded. Each predictions file is written when its
    task is done, whole or not at all; what was decoded of it before a kill is kept beside it, and
    the same call goes on from there. A file that is there already, by the same checkpoint,
    settings and inputs, is not made again: its outputs are read anew by the task as it is now. The
    scores are those of every predictions file in `out`, so that evaluating another split adds to
    them.

    Args:
        checkpoint: a step-N folder, a run (its newest whole checkpoint) or a Hugging Face T5.
        tasks: tasks and mixtures. A mixture's tasks that lack the split, or have no metrics as
            corpora have none, are left out, and that is reported; a task that is named must have
            both.
        split: train, validation or test. Rows without labels are predicted, not scored.
        data_dir: folder of the official files, or None for the hub.
        out: the folder to write; of several processes one that all of them share.
        registry: the tasks there are.
        vocabulary_file: a SentencePiece model or a tokenizer's folder, where the checkpoint
            holds neither.
        sentinels: of that file, if it has none; None takes those that fill the model's rows.
        ensemble: further models that predict together with `checkpoint`: logits are averaged.
        decoding: how outputs are made, in place of the run's own settings; or fields of it that
            replace those, where not None.
        score_adjust: how candidates' scores are adjusted before the best is taken
            (t2t/evaluation/prediction/score_adjustment.py); None does as the run's recipe says, 0
            takes them as they are.
        accelerator: the processes that share the work, all of which call this; None is this one
            alone.
        report: takes progress, counts of what was cut, and the table of scores; of several
            processes the first one's is called.

    Raises:
        UserError: unknown tasks, a split that a task does not have, bad rows or none, no
            checkpoint, an `out` with the predictions of another one, or an adjustment that
            cannot be fitted or is of nothing that is ranked.
        RunError: the checkpoint is damaged, or the disk refused.
    """
    if accelerator and not accelerator.is_main_process:
        report = _unsaid
    selected = select_tasks(registry, tasks, split, report)
    examples = _all_examples(selected, split, data_dir)
    loaded = _loaded([checkpoint, *ensemble], vocabulary_file, sentinels, report)
    settings = _settings(loaded, decoding)
    methods = {task.name: _method(task, examples[task.name], settings, report) for task in selected}
    adjusted = _adjusted(selected, methods, loaded.tau if score_adjust is None else score_adjust)
    if score_adjust is not None and not adjusted:
        raise UserError("score adjustment: no task's labels are ranked; add --method rank")
    device = _device(accelerator)
    loaded.model.to(device)
    report(
        f"{loaded.name} on {device}: inputs of at most {settings.inputs_length} tokens, "
        f"outputs of at most {settings.max_target_length}"
    )
    writer = PredictionsWriter(
        Decoder(loaded.model, loaded.vocabulary, settings),
        _identity(loaded, settings),
        out / "predictions",
        split,
        data_dir,
        device,
        accelerator,
        report,
    )
    with writer.begun(selected):
        for task in selected:
            entry = {
                **loaded.paths(),
                "batch_tokens": settings.batch_tokens_on(device),
                "data": task.source.fingerprint(split, data_dir),
                INCLUDED: as_recorded(registry.included),
            }
            method, adjust = methods[task.name], adjusted.get(task.name)
            writer.write(task, examples[task.name], method, adjust, entry)
        scores = from_main(accelerator, lambda: score_directory(out, registry))
    report(scores_table(scores))
    report(f"{out}: scores.json, and predictions/ with {len(scores.tasks)} files")
    return scores


def _settings(
    loaded: LoadedModel, decoding: DecodingSettings | Mapping[str, Any] | None
) -> DecodingSettings:
    """How outputs are made: as asked for, else as the model's own run has it."""
    if isinstance(decoding, DecodingSettings):
        return decoding
    return loaded.decoding.replaced(**(decoding or {}))


def _adjusted(
    tasks: Sequence[Task], methods: Mapping[str, Method], asked: ScoreAdjust | None
) -> dict[str, ScoreAdjust]:
    """The adjustment of each task whose labels are ranked."""
    if asked is None:
        return {}
    return {task.name: asked for task in tasks if methods[task.name] == "rank" and task.labels}


def _all_examples(tasks: Sequence[Task], split: str, data_dir: Path | None) -> dict[str, Examples]:
    """The examples of every task; all tasks whose rows are missing or bad are named at once."""
    found: dict[str, Examples] = {}
    problems: list[UserError] = []
    for task in tasks:
        try:
            found[task.name] = _examples(task, split, data_dir)
        except UserError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    refuse(list(map(str, problems)), "these tasks cannot be evaluated")
    return found


def _examples(task: Task, split: str, data_dir: Path | None) -> Examples:
    """The examples of a split, of which there must be one to score."""
    examples = task.examples(split, data_dir)
    if not examples:
        empty = (
            f"{examples.num_empty_rows} rows that give none"
            if examples.num_empty_rows
            else "no rows"
        )
        raise UserError(
            f"task {task.name}: the split {split} has no examples to evaluate ({empty})"
        )
    return examples


def _loaded(
    paths: Sequence[Path], vocabulary_file: Path | None, sentinels: int | None, report: Report
) -> LoadedModel:
    """One model, or several as one."""
    if len(paths) > 1:
        return load_ensemble(paths, vocabulary_file, report, sentinels)
    return load_for_evaluation(paths[0], vocabulary_file, report, sentinels)


def _unsaid(line: str) -> None:
    """What the first process says for all."""


def _device(accelerator: Accelerator | None) -> torch.device:
    if accelerator:
        device: torch.device = accelerator.device
        return device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def select_tasks(
    registry: Registry, names: Sequence[str], split: str, report: Report
) -> list[Task]:
    """The tasks of a list of tasks and mixtures that can be evaluated on `split`, each once.

    Raises:
        UserError: an unknown name, a corpus, or a task that lacks the split.
    """
    selected: dict[str, Task] = {}
    for name in names:
        is_mixture = registry.is_mixture(name)
        tasks = registry.expand([name])
        check_split(
            split,
            [s for task in tasks for s in task.splits],
            where=name if is_mixture else f"task {tasks[0].name}",
        )
        for task in tasks:
            if is_mixture and split not in task.splits:
                report(f"{task.name}: left out, it has no split {split!r}")
                continue
            if is_mixture and not task.metrics:
                report(f"{task.name}: left out, it has no metrics")
                continue
            check_split(split, task.splits, where=f"task {task.name}")
            if not task.metrics:
                raise UserError(f"task {task.name}: it has no metrics, so it cannot be evaluated")
            selected[task.name] = task
    if not selected:
        raise UserError("no tasks to evaluate")
    return list(selected.values())


def _method(
    task: Task, examples: Sequence[Example], settings: DecodingSettings, report: Report
) -> Method:
    """How a task's outputs are made; one that cannot be ranked is generated, and that is said."""
    if settings.method_of(task) == "generate":
        return "generate"
    reason = why_not_ranked(task, examples)
    if reason is None:
        return "rank"
    report(f"{task.name}: generated, for it cannot be ranked: {reason}")
    return "generate"


def _identity(loaded: LoadedModel, settings: DecodingSettings) -> dict[str, Any]:
    """What the predictions of one folder have in common."""
    members = {"ensemble": [each.sha256 for each in loaded.members]} if loaded.members else {}
    return {
        "checkpoint": loaded.sha256,
        **members,
        "vocabulary": loaded.vocabulary.fingerprint,
        "decoding": settings.identity(),
    }
