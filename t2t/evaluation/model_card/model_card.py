"""A model's page on the Hugging Face hub: README.md with metadata, written offline.

The metadata are huggingface_hub's own classes: `ModelCardData` with the results as `EvalResult`
(the model-index in README.md), and `EvalResultEntry` in .eval_results/t2t.yaml, a file beside it.
Only what is known is said (t2t/evaluation/model_card/facts.py).
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import (
    EvalResult,
    EvalResultEntry,
    ModelCard,
    ModelCardData,
    eval_result_entries_to_yaml,
)

from t2t.errors import UserError
from t2t.evaluation.model_card.facts import (
    ModelFacts,
    Result,
    comes_from_hub,
    trained_names,
)
from t2t.evaluation.model_card.text import card_text
from t2t.files import write_text
from t2t.model.hub_download import is_hub_name
from t2t.model.manifest import MANIFEST
from t2t.registry import Registry
from t2t.task import Task

README = "README.md"
ENTRIES = Path(".eval_results/t2t.yaml")

TASK_TYPE = "text2text-generation"

METRIC_TYPES = {
    "accuracy": "accuracy",
    "f1": "f1",
    "macro_f1": "f1",
    "micro_f1": "f1",
    "entity_f1": "f1",
    "em": "exact_match",
    "exact_match": "exact_match",
    "sequence_accuracy": "exact_match",
    "matthews_corrcoef": "matthews_correlation",
    "pearson_corrcoef": "pearsonr",
    "spearman_corrcoef": "spearmanr",
    "rouge1": "rouge",
    "rouge2": "rouge",
    "rougeLsum": "rouge",
    "bleu": "bleu",
    "bleu_13a": "bleu",
    "chrf": "chrf",
}
"""The hub's names of metrics by the names of our scores; others keep their own."""

_MEAN_F1 = re.compile(r"mean_\d+class_f1")
_OF_LABEL = re.compile(r"(precision|recall|f1)_.+")
_REPOSITORY = r"[\w-][\w.-]*/[\w-][\w.-]*"
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*|code|multilingual")


@dataclass(frozen=True, slots=True)
class Stated:
    """What the user says of a model, for no file does."""

    base_model: str | None = None
    license: str | None = None
    language: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what the hub would refuse."""
        for language in self.language:
            if not _LANGUAGE.fullmatch(language):
                raise UserError(f"language {language!r}: an ISO 639 code such as en or ko")
        if self.base_model is not None and not re.fullmatch(_REPOSITORY, self.base_model):
            raise UserError(f"base model {self.base_model!r}: its name on the hub, OWNER/NAME")
        if self.license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", self.license):
            raise UserError(
                f"license {self.license!r}: the hub's own name of it, such as apache-2.0 or other"
            )


def check_free(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that has a card already, unless it is to be overwritten.

    Raises:
        UserError: there is one, there is no such folder, or it is a checkpoint, which holds
            nothing but what its manifest lists.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    if (folder / MANIFEST).is_file():
        raise UserError(
            f"{folder}: a further file would damage the checkpoint; give the run's folder, or one "
            "that t2t convert t2t-to-hf made"
        )
    present = [str(name) for name in (README, ENTRIES) if (folder / name).exists()]
    if present and not overwrite:
        raise UserError(f"{folder}: has {', '.join(present)} already; --overwrite writes new ones")


def write_card(
    folder: Path, facts: ModelFacts, registry: Registry, stated: Stated, *, overwrite: bool = False
) -> list[Path]:
    """Write README.md, and .eval_results/t2t.yaml where there are results, into a folder.

    Args:
        folder: the model's.
        facts: of the model.
        registry: the tasks that the facts name.
        stated: what the user adds.
        overwrite: also where there is a card.

    Returns:
        The files written.

    Raises:
        UserError: there is a card, or an unknown task.
    """
    check_free(folder, overwrite)
    paths = [folder / README]
    write_text(paths[0], str(model_card(facts, registry, stated)))
    entries = result_entries(facts, registry)
    if entries:
        paths.append(folder / ENTRIES)
        values = eval_result_entries_to_yaml(entries)
        write_text(paths[1], yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    return paths


def model_card(facts: ModelFacts, registry: Registry, stated: Stated) -> ModelCard:
    """The card: metadata and text."""
    base = stated.base_model or base_model(facts)
    results = eval_results(facts, registry)
    data = ModelCardData(
        language=list(stated.language) or None,
        license=stated.license,
        library_name="transformers" if facts.is_hf else None,
        base_model=base,
        datasets=training_datasets(facts, registry) or None,
        metrics=list(dict.fromkeys(result.metric_type for result in results)) or None,
        tags=["t2t", "t5"],
        model_name=facts.name if results else None,
        eval_results=results or None,
    )
    text = card_text(facts, registry, base, stated.license, stated.language)
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}")


def base_model(facts: ModelFacts) -> str | None:
    """The name on the hub of the weights that the run began with; a folder's is not known.

    A path may look like a name: only weights of the hub have a revision there.
    """
    if facts.run is None or facts.run.pretrained_revision is None:
        return None
    pretrained = facts.run.recipe.model.pretrained
    return pretrained.partition("@")[0] if pretrained and is_hub_name(pretrained) else None


def training_datasets(facts: ModelFacts, registry: Registry) -> list[str]:
    """The hub's data sets that the run has trained on, each once."""
    if facts.run is None:
        return []
    run = facts.run
    known = [n for n in trained_names(run) if registry.is_mixture(n) or registry.is_task(n)]
    return list(
        dict.fromkeys(
            task.card.hub
            for task in registry.expand(known, training=True)
            if task.card.hub
            and comes_from_hub(task, "train", run.examples.get(task.name), run.data.get(task.name))
        )
    )


def eval_results(facts: ModelFacts, registry: Registry) -> list[EvalResult]:
    """The scores on data sets of the hub, one a metric; numbers that are not defined are left."""
    return [
        _eval_result(registry.task(result.name.task), result, name, value)
        for result in _of_hub(facts, registry)
        for name, value in result.metrics.items()
        if value is not None and math.isfinite(value)
    ]


def result_entries(facts: ModelFacts, registry: Registry) -> list[EvalResultEntry]:
    """The score of each task and split on a data set of the hub: the mean of its metrics."""
    entries = []
    for result in _of_hub(facts, registry):
        task = registry.task(result.name.task)
        if result.score is not None and task.card.hub is not None:
            names = " and ".join(result.metrics)
            notes = (
                f"{_metric_place(result)}: {'mean of ' * (len(result.metrics) > 1)}{names}, "
                f"times 100; t2t task version {result.version}, protocol {result.protocol}"
            )
            entries.append(
                EvalResultEntry(
                    dataset_id=task.card.hub,
                    task_id=task.card.config or "default",
                    value=round(result.score, 4),
                    dataset_revision=task.card.revision,
                    notes=notes,
                )
            )
    return entries


def metric_type(score: str) -> str:
    """The hub's name of the metric behind one of our scores."""
    if _MEAN_F1.fullmatch(score):
        return "f1"
    if score in METRIC_TYPES:
        return METRIC_TYPES[score]
    of_label = _OF_LABEL.fullmatch(score)
    return of_label[1] if of_label else score


def _of_hub(facts: ModelFacts, registry: Registry) -> Sequence[Result]:
    return [
        result
        for result in facts.results
        if comes_from_hub(
            registry.task(result.name.task), result.name.split, result.num_examples, result.data
        )
    ]


def _eval_result(task: Task, result: Result, score: str, value: float) -> EvalResult:
    details: dict[str, Any] = {"protocol": result.protocol, "task_version": result.version}
    if score in result.signatures:
        details["signature"] = result.signatures[score]
    if score == "macro_f1" or _MEAN_F1.fullmatch(score):
        details["average"] = "macro"
    if score == "micro_f1":
        details["average"] = "micro"
    assert task.card.hub is not None
    return EvalResult(
        task_type=TASK_TYPE,
        task_name=task.name,
        dataset_type=task.card.hub,
        dataset_name=" ".join(filter(None, [task.card.hub, task.card.config])),
        dataset_config=task.card.config,
        dataset_split=result.name.split,
        dataset_revision=task.card.revision,
        metric_type=metric_type(score),
        metric_value=round(value, 4),
        metric_name=f"{_metric_place(result)} {score}",
        metric_args=details,
    )


def _metric_place(result: Result) -> str:
    return f"{result.name.task} {result.name.split}"
