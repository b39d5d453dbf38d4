"""From a checkpoint and tasks to predictions files and scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from t2t.errors import UserError
from t2t.evaluation.checkpoints import LoadedModel, load_for_evaluation
from t2t.evaluation.includes import INCLUDED, as_recorded
from t2t.evaluation.predict import DecodingSettings, Outputs, Report, predict
from t2t.evaluation.predictions import Origin, PredictionsName, write_predictions
from t2t.evaluation.run_record import RunRecord
from t2t.evaluation.scoring import Scores, score_directory, scores_table
from t2t.registry import Registry
from t2t.sources import check_split
from t2t.task import Examples, Task


def evaluate(
    checkpoint: Path,
    tasks: Sequence[str],
    split: str,
    data_dir: Path | None,
    out: Path,
    registry: Registry,
    *,
    vocabulary_file: Path | None = None,
    decoding: Mapping[str, Any] | None = None,
    report: Report = print,
) -> Scores:
    """Predict a split of some tasks, write predictions/TASK.SPLIT.jsonl and score the folder.

    All rows are read before the model is loaded. Each predictions file is written when its
    task is done, whole or not at all. The scores are those of every predictions file in
    `out`, so that evaluating another split adds to them.

    Args:
        checkpoint: a step-N folder, a run (its newest whole checkpoint) or a Hugging Face T5.
        tasks: tasks and mixtures. A mixture's tasks that lack the split, or have no metrics as
            corpora have none, are left out, and that is reported; a task that is named must have
            both.
        split: train, validation or test. Rows without labels are predicted, not scored.
        data_dir: folder of the official files, or None for the hub.
        out: the folder to write.
        registry: the tasks there are.
        vocabulary_file: a SentencePiece model or a tokenizer's folder, where the checkpoint
            holds neither.
        decoding: fields of `DecodingSettings` that replace the run's own, where not None.
        report: takes progress, counts of what was cut, and the table of scores.

    Raises:
        UserError: unknown tasks, a split that a task does not have, bad rows, no checkpoint,
            or an `out` with the predictions of another one.
        RunError: the checkpoint is damaged, or the disk refused.
    """
    selected = select_tasks(registry, tasks, split, report)
    examples = {task.name: task.examples(split, data_dir) for task in selected}
    loaded = load_for_evaluation(checkpoint, vocabulary_file, report)
    settings = loaded.decoding.replaced(**(decoding or {}))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loaded.model.to(device)
    report(
        f"{loaded.folder} on {device}: inputs of at most {settings.inputs_length} tokens, "
        f"outputs of at most {settings.max_target_length}"
    )
    names = [PredictionsName(task.name, split) for task in selected]
    record = RunRecord.begin(out / "predictions", _identity(loaded, settings), names)
    for task in selected:
        entry = {
            "checkpoint_path": str(loaded.folder.resolve()),
            "batch_tokens": settings.batch_tokens_on(device),
            "data": task.source.fingerprint(split, data_dir),
            INCLUDED: as_recorded(registry.included),
        }
        _evaluate_task(task, split, examples[task.name], loaded, settings, record, entry, report)
    scores = score_directory(out, registry)
    report(scores_table(scores))
    return scores


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


def _evaluate_task(
    task: Task,
    split: str,
    examples: Examples,
    loaded: LoadedModel,
    settings: DecodingSettings,
    record: RunRecord,
    entry: Mapping[str, Any],
    report: Report,
) -> None:
    """Predict one task, write its file and put it on record."""
    outputs = predict(
        loaded.model,
        loaded.vocabulary,
        examples,
        settings,
        keep_last=task.trimming == "keep_last",
        name=task.name,
        report=report,
    )
    _report_cuts(task, outputs, settings, report)
    if examples.num_empty_rows:
        report(f"{task.name}: {examples.num_empty_rows} rows of {split} give no example")
    path = record.folder / PredictionsName(task.name, split).file_name
    pairs = zip(examples, outputs.texts, strict=True)
    predictions = [task.prediction(example, text) for example, text in pairs]
    write_predictions(path, predictions, Origin.of(task))
    counts = {
        "examples": len(examples),
        "rows_without_example": examples.num_empty_rows,
        "truncated_inputs": outputs.num_truncated_inputs,
        "unfinished_outputs": outputs.num_unfinished,
    }
    stamp = {"protocol": task.protocol, "task_version": task.version}
    record.add(path, {**stamp, **entry, **counts})


def _report_cuts(task: Task, outputs: Outputs, settings: DecodingSettings, report: Report) -> None:
    total = len(outputs.texts)
    if outputs.num_truncated_inputs:
        report(
            f"{task.name}: {outputs.num_truncated_inputs} of {total} inputs were cut to "
            f"{settings.inputs_length} tokens"
        )
    if outputs.num_unfinished:
        report(
            f"{task.name}: {outputs.num_unfinished} of {total} outputs did not end within "
            f"{settings.max_target_length} tokens"
        )


def _identity(loaded: LoadedModel, settings: DecodingSettings) -> dict[str, Any]:
    """What the predictions of one folder have in common."""
    return {
        "checkpoint": loaded.sha256,
        "vocabulary": loaded.vocabulary.fingerprint,
        "decoding": settings.identity(),
    }
