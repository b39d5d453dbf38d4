"""A recipe against tasks, files, vocabulary and model, before anything is built.

Every check runs, so that one call names every problem, each with the place in the recipe
that it comes from.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from t2t.casts.texts import NO_LABEL_TARGET
from t2t.config import Recipe
from t2t.data.objectives import window_objective
from t2t.data.stream import rows_step
from t2t.errors import UserError, refuse, unknown
from t2t.evaluation.evaluate import select_tasks
from t2t.evaluation.run_checkpoints.best_checkpoints import criterion
from t2t.formats.yaml_document import Document
from t2t.model.sizes import size
from t2t.recipe_files import read_recipe
from t2t.registry import Registry
from t2t.task import Example, Task
from t2t.task_checks.outputs import reported_metrics
from t2t.training.computation import contradictions
from t2t.training.initial_model import starting_config
from t2t.training.schedules import check_schedule
from t2t.training.trackers import check_trackers
from t2t.training.training_data import (
    TrainingData,
    check_training_data,
    class_temperatures,
    load_training_data,
    mixed_tasks,
    named_tasks,
    recipe_vocabulary,
    source_of_text,
)
from t2t.vocabulary import StoredVocabulary

AnyData = TypeVar("AnyData")


@dataclass(frozen=True, slots=True)
class Validated:
    """A recipe that can be run here, and the data that it was checked with."""

    recipe: Recipe
    data: TrainingData


def validated(
    name: str,
    sets: Sequence[str],
    registry: Registry,
    report: Callable[[str], None] = print,
) -> Validated:
    """The recipe, if it can be run here.

    Args:
        name: a YAML file or a shipped recipe.
        sets: `key=value` overrides.
        registry: where task names are looked up.
        report: told what the data loses: see `load_training_data`.

    Raises:
        UserError: every problem, as `place: key: reason`.
    """
    recipe, document = read_recipe(name, sets)
    check = _Check(recipe, registry, document, report)
    data = check.run(load_training_data)
    refuse(check.problems, name)
    assert data is not None, "data that could not be read are a problem"
    return Validated(recipe, data)


def validate(
    name: str, sets: Sequence[str], registry: Registry, report: Callable[[str], None] = print
) -> None:
    """Look whether the recipe can be run here, and write nothing to disk.

    Raises:
        UserError: every problem, as `place: key: reason`.
    """
    recipe, document = read_recipe(name, sets)
    check = _Check(recipe, registry, document, report)
    check.run(check_training_data)
    refuse(check.problems, name)


def validated_to_go_on(
    name: str, sets: Sequence[str], registry: Registry, report: Callable[[str], None] = print
) -> Recipe:
    """The recipe of a run that has begun, if what may have changed since can be run here.

    That is what tracks it and what is evaluated when training ends; the rest the run compares
    with its record.

    Raises:
        UserError: every problem, as `place: key: reason`.
    """
    recipe, document = read_recipe(name, sets)
    check = _Check(recipe, registry, document, report)
    check.check_trackers()
    data_dir = check.find_data_dir()
    check.check_evaluations()
    evaluated = check.find_evaluated()
    if not check.problems:
        check.check_evaluated(evaluated, data_dir)
    refuse(check.problems, name)
    return recipe


def _has_label(example: Example) -> bool:
    return example.label is not None or example.targets != (NO_LABEL_TARGET,)


class _Check:
    """One pass over a recipe that collects what is wrong."""

    def __init__(
        self,
        recipe: Recipe,
        registry: Registry,
        document: Document,
        report: Callable[[str], None],
    ) -> None:
        self.recipe = recipe
        self.registry = registry
        self.document = document
        self.report = report
        self.problems: list[str] = []
        self.is_decoder_only = False

    def run(self, look_at: Callable[..., AnyData]) -> AnyData | None:
        """What looking at the training data gives, None where there are problems."""
        self.check_batch()
        with self.at("schedule.warmup_steps"):
            check_schedule(self.recipe.schedule, self.recipe.train.steps)
        self.check_trackers()
        vocabulary = self.load_vocabulary()
        self.check_model(vocabulary)
        data_dir = self.find_data_dir()
        self.check_texts(vocabulary, data_dir)
        self.check_mixture()
        self.check_evaluations()
        evaluated = self.find_evaluated()
        if self.problems:
            # Rows are read last: the checks above take moments, these may take a minute.
            return None
        self.check_evaluated(evaluated, data_dir)
        try:
            data = look_at(self.recipe, self.registry, self.report)
            self.check_labels(vocabulary)
            return data
        except UserError as error:
            reason = str(error)
            text = next((n for n in self.recipe.text if reason.startswith(f"{n}: ")), None)
            with self.at(f"text.{text}" if text else "mixture.tasks"):
                raise UserError(reason.removeprefix(f"{text}: ")) from error
        return None

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """Note what goes wrong inside as a problem of `key`."""
        try:
            yield
        except UserError as error:
            place = self.document.place(tuple(key.split(".")))
            reason = str(error).removeprefix(f"{key}: ")
            self.problems.append(": ".join(part for part in (place, key, reason) if part))

    def check_batch(self) -> None:
        settings = self.recipe.train
        with self.at("train.batch_size"):
            rows = rows_step(settings.batch_size, self.recipe.data.batching)
            if rows % settings.accumulation:
                of = "batches of multiples of " if rows < settings.batch_size else ""
                raise UserError(
                    f"{of}{rows} rows do not divide into train.accumulation = "
                    f"{settings.accumulation} equal parts"
                )

    def check_trackers(self) -> None:
        with self.at("train.trackers"):
            check_trackers(self.recipe.train.trackers)

    def has_problem(self, key: str) -> bool:
        """Whether something is wrong with a setting already."""
        return any(f"{key}: " in problem for problem in self.problems)

    def load_vocabulary(self) -> StoredVocabulary | None:
        path = Path(self.recipe.vocabulary)
        with self.at("vocabulary"):
            if not path.exists():
                raise UserError(f"{path}: no such file; name yours with --set vocabulary=FILE")
            return recipe_vocabulary(self.recipe)
        return None

    def check_model(self, vocabulary: StoredVocabulary | None) -> None:
        if self.recipe.model.size is not None:
            with self.at("model.size"):
                size(self.recipe.model.size)
        if vocabulary is not None and not self.has_problem("model.size"):
            with self.at("model"):
                config = starting_config(self.recipe, vocabulary, self.report)
                self.is_decoder_only = config.is_decoder_only
                found = contradictions(self.recipe.train, self.recipe.data, config)
                for key, problem in found.items():
                    with self.at(key):
                        raise UserError(problem)

    def find_data_dir(self) -> Path | None:
        with self.at("data.dir"):
            return self.recipe.data_dir()
        return None

    def check_mixture(self) -> None:
        """Every name exists, they make a mixture, and have the classes that are balanced."""
        known = len(self.problems)
        for name in self.recipe.mixture.fixed:
            with self.at("mixture.tasks"):
                named_tasks(name, self.recipe, self.registry)
        if len(self.problems) > known:
            return
        with self.at("mixture.tasks"):
            mixed = mixed_tasks(self.recipe, self.registry)
            with self.at("mixture.class_balance"):
                class_temperatures(self.recipe, mixed)

    def check_texts(self, vocabulary: StoredVocabulary | None, data_dir: Path | None) -> None:
        """Text tasks: used, named apart from the registry's, with files and sentinels enough."""
        mixed = self.recipe.mixture.fixed
        for name, text in self.recipe.text.items():
            with self.at(f"text.{name}.files"):
                source_of_text(text).paths(data_dir)
            with self.at(f"text.{name}"):
                if self.registry.is_task(name) or self.registry.is_mixture(name):
                    raise UserError("a registered task or mixture has this name; take another")
                if name not in mixed:
                    raise UserError(
                        "is not used: add its name to mixture.tasks, or leave out all texts with "
                        "--set text={}"
                    )
                if vocabulary is None:
                    continue
                lengths = self.recipe.data.inputs_length, self.recipe.data.targets_length
                objective = window_objective(text.as_objective(), vocabulary, *lengths)
                if not objective.has_inputs and not self.is_decoder_only:
                    raise UserError(
                        f"objective: {text.objective} has no inputs, which an encoder-decoder "
                        "reads; take prefix_lm, or a language_model (t5-base-language-model)"
                    )

    def check_labels(self, vocabulary: StoredVocabulary | None) -> None:
        """No two labels of a mixed task are the same ids: no model could tell them apart."""
        if vocabulary is None or self.has_problem("mixture.tasks"):
            return
        for name, task in mixed_tasks(self.recipe, self.registry).items():
            seen: dict[tuple[int, ...], str] = {}
            for label in task.labels:
                ids = tuple(vocabulary.encode(label))
                other = seen.setdefault(ids, label)
                if other == label:
                    continue
                with self.at("vocabulary"):
                    raise UserError(
                        f"task {name}: the labels {other!r} and {label!r} are the same ids to "
                        f"it, {list(ids)}: take a vocabulary that knows their characters"
                    )

    def check_evaluations(self) -> None:
        """Evaluations while training come when a checkpoint does."""
        every, saved = self.recipe.evaluation.every, self.recipe.train.checkpoint_every
        if every is not None and every % saved:
            with self.at("evaluation.every"):
                raise UserError(
                    f"{every} is no multiple of train.checkpoint_every = {saved}: a checkpoint is "
                    "evaluated when it is saved"
                )

    def find_evaluated(self) -> list[Task]:
        """The tasks to evaluate when training ends."""
        found: dict[str, Task] = {}
        settings = self.recipe.evaluation
        for name in settings.tasks:
            with self.at("evaluation.tasks"):
                tasks = select_tasks(self.registry, [name], settings.split, self.report)
                found |= {task.name: task for task in tasks}
        return list(found.values())

    def check_evaluated(self, tasks: Sequence[Task], data_dir: Path | None) -> None:
        """Their rows can be read and cast, and have what checkpoints are compared by."""
        rows: dict[str, Sequence[Example]] = {}
        for task in tasks:
            with self.at("evaluation.tasks"):
                rows[task.name] = task.examples(self.recipe.evaluation.split, data_dir)
        if len(rows) == len(tasks) and tasks:
            with self.at("evaluation.metric"):
                self.check_compared(tasks, rows)

    def check_compared(self, tasks: Sequence[Task], rows: Mapping[str, Sequence[Example]]) -> None:
        """The metric by which checkpoints are compared is one of theirs, and there are labels."""
        settings = self.recipe.evaluation
        by_name = {task.name: task for task in tasks}
        for name, metric in criterion(settings.metric, list(by_name), self.registry).parts:
            if settings.every is not None and not any(map(_has_label, rows[name])):
                raise UserError(
                    f"task {name}: {settings.split} has no labels, so its checkpoints cannot be "
                    "compared"
                )
            known = reported_metrics(by_name[name], rows[name]) if metric is not None else None
            if metric is not None and known and metric not in known:
                raise unknown("metric", metric, known, where=f"task {name}")
