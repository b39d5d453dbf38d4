"""What a recipe trains on: its tasks, their rates, their examples and their fingerprints."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from t2t.class_balance import class_temperature
from t2t.config import Recipe, Text
from t2t.data.corpora import Caching, load_corpus, tell_unknown_text, waits_for_cache
from t2t.data.corpus import Corpus, check_truncation
from t2t.data.examples import TokenizedExamples
from t2t.data.mixing_rates import mixture_rates, nested_rates, reached_twice
from t2t.data.strata import Strata, task_strata
from t2t.data.stream import BatchStream
from t2t.documents import TextSource
from t2t.errors import UserError, refuse, unknown
from t2t.files import sha256_json
from t2t.registry import Registry
from t2t.task import Task
from t2t.task_parts import text_task
from t2t.training.run_directory import Content
from t2t.vocabulary import StoredVocabulary, load_vocabulary

SPLIT = "train"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Everything that the model is shown, in memory."""

    recipe: Recipe
    vocabulary: StoredVocabulary
    corpora: tuple[Corpus, ...]
    rates: tuple[float, ...]
    strata: tuple[Strata | None, ...]
    """The classes of each corpus whose classes are balanced."""
    content: Content

    def stream(self, rank: int, num_ranks: int) -> BatchStream:
        """One process's share of the batches, from the first on."""
        return BatchStream(
            self.corpora,
            self.rates,
            strata=self.strata,
            seed=self.recipe.seed,
            inputs_length=self.recipe.data.inputs_length,
            targets_length=self.recipe.data.targets_length,
            batch_size=self.recipe.train.batch_size,
            batching=self.recipe.data.batching,
            rank=rank,
            num_ranks=num_ranks,
        )


def load_training_data(
    recipe: Recipe, registry: Registry, report: Callable[[str], None]
) -> TrainingData:
    """Read and tokenise the training split of every task of the recipe.

    `report` is told what was left out or cut to fit, task by task, and where a task has another
    number of examples than it declares.

    Raises:
        UserError: an unknown task, rows that are wrong, an objective that does not fit, or
            supervised targets that would be cut (unless the recipe allows it); of all tasks.
    """
    mixed = mixed_tasks(recipe, registry)
    return _load(recipe, registry, mixed, recipe_vocabulary(recipe), report)


def check_training_data(recipe: Recipe, registry: Registry, report: Callable[[str], None]) -> None:
    """Look at the data as `load_training_data` does, and write nothing to disk.

    Texts whose tokens would first be written to a cache are left out, which is said.

    Raises:
        UserError: as `load_training_data`.
    """
    vocabulary = recipe_vocabulary(recipe)
    data_dir, caching = recipe.data_dir(), caching_of(recipe)
    mixed = mixed_tasks(recipe, registry)
    ready = {}
    for name, task in mixed.items():
        folder = waits_for_cache(task, vocabulary, data_dir, caching)
        if folder is None:
            ready[name] = task
        else:
            report(f"{name}: its files can be read; training will first tokenise it into {folder}")
            tell_unknown_text(task, SPLIT, vocabulary, data_dir, report)
    if len(ready) == len(mixed):
        _load(recipe, registry, mixed, vocabulary, report)
    else:
        # Without all counts there are no rates.
        corpora = _load_corpora(recipe, ready.values(), vocabulary, data_dir, report)
        _check_truncation(recipe, mixed, corpora, report)
        _all_strata(recipe, mixed, corpora, report)


def _load(
    recipe: Recipe,
    registry: Registry,
    mixed: Mapping[str, Task],
    vocabulary: StoredVocabulary,
    report: Callable[[str], None],
) -> TrainingData:
    data_dir = recipe.data_dir()
    corpora = _load_corpora(recipe, mixed.values(), vocabulary, data_dir, report)
    _check_truncation(recipe, mixed, corpora, report)
    rates = task_rates(recipe, registry, {c.name: c.count for c in corpora}, report)
    strata = _all_strata(recipe, mixed, corpora, report)
    content = Content(
        vocabulary=vocabulary.fingerprint,
        data={c.name: _fingerprint(mixed[c.name], c, data_dir) for c in corpora},
        examples={c.name: _counts(c) for c in corpora},
    )
    ordered = tuple(rates[corpus.name] for corpus in corpora)
    return TrainingData(recipe, vocabulary, tuple(corpora), ordered, strata, content)


def _all_strata(
    recipe: Recipe,
    mixed: Mapping[str, Task],
    corpora: Iterable[Corpus],
    report: Callable[[str], None],
) -> tuple[Strata | None, ...]:
    """The classes of every corpus whose classes are balanced; None for the others."""
    temperatures = class_temperatures(recipe, mixed)
    return tuple(
        task_strata(mixed[corpus.name], corpus.labels, temperatures[corpus.name], report)
        if corpus.name in temperatures and isinstance(corpus, TokenizedExamples)
        else None
        for corpus in corpora
    )


def _load_corpora(
    recipe: Recipe,
    tasks: Iterable[Task],
    vocabulary: StoredVocabulary,
    data_dir: Path | None,
    report: Callable[[str], None],
) -> list[Corpus]:
    """The examples of every task; what is wrong with several is said at once."""
    corpora: list[Corpus] = []
    refusals: list[UserError] = []
    for task in tasks:
        try:
            corpora.append(
                load_corpus(
                    task,
                    SPLIT,
                    vocabulary,
                    data_dir,
                    inputs_length=recipe.data.inputs_length,
                    targets_length=recipe.data.targets_length,
                    seed=recipe.seed,
                    caching=caching_of(recipe),
                    report=report,
                )
            )
        except UserError as error:
            refusals.append(error)
    if len(refusals) == 1:
        raise refusals[0]
    refuse([str(error) for error in refusals], "training data")
    return corpora


def recipe_vocabulary(recipe: Recipe) -> StoredVocabulary:
    """The vocabulary that a recipe names, with its sentinels.

    Raises:
        UserError: it is not there, or damaged.
    """
    return load_vocabulary(Path(recipe.vocabulary), recipe.sentinels)


def mixed_tasks(recipe: Recipe, registry: Registry) -> dict[str, Task]:
    """The tasks that the recipe trains on, by name, in the order of first mention.

    A name in the recipe is one of its texts, a task, or a mixture. What has rate 0, in the recipe
    or in a mixture, and a mixture's tasks for evaluation only are left out.

    Raises:
        UserError: an unknown name, or no task at all.
    """
    mixed: dict[str, Task] = {}
    for name, rate in recipe.mixture.fixed.items():
        tasks = named_tasks(name, recipe, registry)
        if rate != 0:
            mixed |= {task.name: task for task in tasks}
    if not mixed:
        raise UserError("mixture.tasks: there is no task with a rate above 0")
    return mixed


def class_temperatures(recipe: Recipe, mixed: Mapping[str, Task]) -> dict[str, float]:
    """The temperature of the class balance of every mixed task where it is not 1.

    The recipe's setting goes before the task's own; one for all tasks is for those with labels.

    Raises:
        UserError: the recipe names a task that is not mixed, or has no labels.
    """
    by_name = recipe.mixture.balanced
    for name in by_name or {}:
        if name not in mixed:
            raise unknown("task", name, mixed, where="mixture.class_balance")
        if not mixed[name].labels:
            raise UserError(f"mixture.class_balance: {name} has no labels")
    temperatures = {}
    for name, task in mixed.items():
        given = recipe.mixture.class_balance if by_name is None else by_name.get(name)
        setting = given if task.labels and given is not None else task.class_balance
        temperatures[name] = class_temperature(setting, "mixture.class_balance")
    return {name: value for name, value in temperatures.items() if value != 1}


def named_tasks(name: str, recipe: Recipe, registry: Registry) -> list[Task]:
    """The tasks of one name in `mixture.tasks`: a text of the recipe, a task or a mixture.

    Raises:
        UserError: it is none of these.
    """
    if name in recipe.text:
        return [task_of_text(name, recipe.text[name])]
    if not registry.is_task(name) and not registry.is_mixture(name):
        raise registry.unknown("task, mixture or text", name, recipe.text, where="mixture.tasks")
    return registry.expand([name], training=True)


def task_of_text(name: str, text: Text) -> Task:
    """The task of one of the recipe's texts."""
    return text_task(name, source_of_text(text), text.as_objective())


def source_of_text(text: Text) -> TextSource:
    """The documents of one of the recipe's texts."""
    return TextSource(tuple(text.files), text.column, text.on_bad_row)


def caching_of(recipe: Recipe) -> Caching:
    """When and where the recipe keeps the tokens of text files."""
    folder = recipe.data.cache_dir
    return Caching(recipe.data.cache, Path(folder) if folder else None)


def _fingerprint(task: Task, corpus: Corpus, data_dir: Path | None) -> str:
    """A hash that changes with the task's rows, its version and its objective."""
    objective = asdict(task.objective) if task.objective else None
    # A cache knows the hash of the files that it was made from: they are not read again.
    source = corpus.source_fingerprint or task.source.fingerprint(SPLIT, data_dir)
    return sha256_json([source, task.version, objective])


def _counts(corpus: Corpus) -> dict[str, Any]:
    """What a run's record says of a task's examples."""
    return {
        "examples": corpus.count,
        "left_out": corpus.left_out,
        "cut": asdict(corpus.truncation()),
    }


def _check_truncation(
    recipe: Recipe,
    tasks: Mapping[str, Task],
    corpora: list[Corpus],
    report: Callable[[str], None],
) -> None:
    """Say what is cut, and refuse targets that the recipe does not allow to be."""
    check_truncation(
        corpora,
        (recipe.data.inputs_length, recipe.data.targets_length),
        denoised=[name for name, task in tasks.items() if task.objective is not None],
        allow_truncated_targets=recipe.train.allow_truncated_targets,
        remedy="raise data.targets_length, or set train.allow_truncated_targets=true",
        report=report,
    )


def task_rates(
    recipe: Recipe,
    registry: Registry,
    counts: Mapping[str, int | None],
    report: Callable[[str], None],
) -> dict[str, float]:
    """The mixing rate of every task that the recipe mixes, not normalised.

    Args:
        recipe: names tasks, mixtures and texts, some with rates, and a policy for the others.
        registry: knows the tasks and mixtures.
        counts: training examples of each task; None where they are not known.
        report: is told where tasks declare other numbers, and what is named more than once.

    Raises:
        UserError: as `nested_rates`.
    """
    settings = recipe.mixture
    known = registry.with_tasks(task_of_text(name, text) for name, text in recipe.text.items())
    declared = {name: known.task(name).num_examples.get(SPLIT) for name in counts}
    _report_differences(settings.rates, counts, declared, report)
    both = (declared, counts) if settings.rates == "reference" else (counts, declared)
    used = {
        name: count
        for name in counts
        if (count := both[1][name] if both[0][name] is None else both[0][name]) is not None
    }
    policy = mixture_rates(
        dict.fromkeys(counts, 1) if settings.rates == "equal" else used,
        "equal" if settings.rates == "equal" else "proportional",
        cap=settings.cap,
        temperature=settings.temperature,
        scale=settings.scale,
    )
    for name, times in reached_twice(settings.fixed, known).items():
        report(f"mixture.tasks: {name} is there {times} times: its rates add up")
    rates = nested_rates(settings.fixed, known, used, policy, "mixture.tasks")
    never = [name for name in counts if not rates[name]]
    if never:
        report(f"never drawn, for their rate is 0: {', '.join(never)}")
    return {name: rates[name] for name in counts}


def _report_differences(
    policy: str,
    counts: Mapping[str, int | None],
    declared: Mapping[str, int | None],
    report: Callable[[str], None],
) -> None:
    """Say which tasks have another number of examples than they declare, and which one counts."""
    differing = [
        f"{name} {count} ({declared[name]})"
        for name, count in counts.items()
        if None not in (count, declared[name]) and declared[name] != count
    ]
    if differing:
        used = {
            "proportional": "rates use the first number",
            "reference": "rates use the official number",
            "equal": "rates are equal",
        }[policy]
        report(f"training examples here (in the official set): {', '.join(differing)}; {used}")
