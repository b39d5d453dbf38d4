"""What a recipe trains on: its tasks, their rates, their examples and their fingerprints."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from t2t.config import Recipe, Text
from t2t.data.corpora import Caching, load_corpus, waits_for_cache
from t2t.data.corpus import Corpus
from t2t.data.mixing import mixture_rates
from t2t.data.stream import BatchStream
from t2t.documents import TextSource
from t2t.errors import UserError, refuse, unknown
from t2t.files import sha256_json
from t2t.task import Registry, Task
from t2t.task_parts import text_task
from t2t.training.run_directory import Content
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary

SPLIT = "train"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Everything that the model is shown, in memory."""

    recipe: Recipe
    vocabulary: SentencePieceVocabulary
    corpora: tuple[Corpus, ...]
    rates: tuple[float, ...]
    content: Content

    def stream(self, rank: int, num_ranks: int) -> BatchStream:
        """One process's share of the batches, from the first on."""
        return BatchStream(
            self.corpora,
            self.rates,
            seed=self.recipe.seed,
            inputs_length=self.recipe.data.inputs_length,
            targets_length=self.recipe.data.targets_length,
            batch_size=self.recipe.train.batch_size,
            batching=self.recipe.data.batching,
            rank=rank,
            num_ranks=num_ranks,
        )


def load_training_data(
    recipe: Recipe,
    registry: Registry,
    report: Callable[[str], None],
    *,
    build_caches: bool = True,
) -> TrainingData:
    """Read and tokenise the training split of every task of the recipe.

    `report` is told what was left out or cut to fit, task by task, and where a task has another
    number of examples than it declares. Without `build_caches`, texts whose tokens have yet to be
    written to disk are left out, which is said too: enough to look at the others.

    Raises:
        UserError: an unknown task, rows that are wrong, an objective that does not fit, or
            supervised targets that would be cut (unless the recipe allows it); of all tasks.
    """
    vocabulary = load_vocabulary(Path(recipe.vocabulary))
    data_dir = recipe.data_dir()
    mixed = mixed_tasks(recipe, registry)
    if not build_caches:
        mixed = _without_waiting(mixed, recipe, vocabulary, data_dir, report)
    tasks = {name: task for name, (task, _) in mixed.items()}
    corpora = _load_corpora(recipe, tasks.values(), vocabulary, data_dir, report)
    _check_truncation(recipe, tasks, corpora, report)
    rates = _rates(recipe, mixed, corpora, report)
    content = Content(
        vocabulary=vocabulary.fingerprint,
        data={
            corpus.name: _fingerprint(tasks[corpus.name], corpus, data_dir) for corpus in corpora
        },
        examples={c.name: _counts(c) for c in corpora},
    )
    ordered = tuple(rates[corpus.name] for corpus in corpora)
    return TrainingData(recipe, vocabulary, tuple(corpora), ordered, content)


def _without_waiting(
    mixed: Mapping[str, tuple[Task, float | None]],
    recipe: Recipe,
    vocabulary: SentencePieceVocabulary,
    data_dir: Path | None,
    report: Callable[[str], None],
) -> dict[str, tuple[Task, float | None]]:
    """The tasks whose data can be read at once."""
    ready: dict[str, tuple[Task, float | None]] = {}
    for name, (task, rate) in mixed.items():
        folder = waits_for_cache(task, vocabulary, data_dir, caching_of(recipe))
        if folder is None:
            ready[name] = (task, rate)
        else:
            report(f"{name}: not looked at; training will first tokenise it into {folder}")
    return ready


def _load_corpora(
    recipe: Recipe,
    tasks: Iterable[Task],
    vocabulary: SentencePieceVocabulary,
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


def mixed_tasks(recipe: Recipe, registry: Registry) -> dict[str, tuple[Task, float | None]]:
    """By name: the tasks that the recipe mixes, each with the rate that it fixes or None.

    A name in the recipe is one of its texts, a task, or a mixture (whose tasks for evaluation
    only are left out). A task with rate 0 is left out too.

    Raises:
        UserError: an unknown name, a task that is named twice with different rates, or none.
    """
    found: dict[str, tuple[Task, float | None]] = {}
    for name, rate in recipe.mixture.fixed.items():
        for task in named_tasks(name, recipe, registry):
            if found.setdefault(task.name, (task, rate))[1] != rate:
                raise UserError(f"mixture.tasks: {task.name} is there twice with different rates")
    mixed = {name: (task, rate) for name, (task, rate) in found.items() if rate != 0}
    if not mixed:
        raise UserError("mixture.tasks: there is no task with a rate above 0")
    return mixed


def named_tasks(name: str, recipe: Recipe, registry: Registry) -> list[Task]:
    """The tasks of one name in `mixture.tasks`: a text of the recipe, a task or a mixture.

    Raises:
        UserError: it is none of these.
    """
    if name in recipe.text:
        return [task_of_text(name, recipe.text[name])]
    if name not in registry.tasks and name not in registry.mixtures:
        known = [*recipe.text, *registry.tasks, *registry.mixtures]
        raise unknown("task, mixture or text", name, known, where="mixture.tasks")
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
    """Say what is cut; refuse targets of supervised tasks that are.

    A model that is shown cut targets learns to stop early, so the recipe must ask for it.
    """
    problems = []
    for corpus in corpora:
        cut = corpus.truncation()
        for side, count, longest, limit in (
            ("inputs", cut.inputs, cut.longest_inputs, recipe.data.inputs_length),
            ("targets", cut.targets, cut.longest_targets, recipe.data.targets_length),
        ):
            if not count:
                continue
            of = f"{cut.looked_at}" + " looked at" * (cut.looked_at < corpus.count)
            message = (
                f"{corpus.name}: {count} of {of} {side} are cut at {limit} tokens; the longest "
                f"has {longest}"
            )
            report(message)
            if side == "targets" and tasks[corpus.name].objective is None:
                problems.append(message)
    if not recipe.train.allow_truncated_targets:
        refuse(
            problems,
            "targets are cut (raise data.targets_length, or set "
            "train.allow_truncated_targets=true)",
        )


def _rates(
    recipe: Recipe,
    mixed: Mapping[str, tuple[Task, float | None]],
    corpora: list[Corpus],
    report: Callable[[str], None],
) -> dict[str, float]:
    """The mixing rate of every task, not normalised."""
    settings = recipe.mixture
    counts = {corpus.name: corpus.count for corpus in corpora}
    declared = {n: task.num_examples.get(SPLIT, counts[n]) for n, (task, _) in mixed.items()}
    differing = [
        f"{name} {count} ({declared[name]})"
        for name, count in counts.items()
        if declared[name] != count
    ]
    if differing:
        used = {
            "proportional": "rates use the first number",
            "reference": "rates use the official number",
            "equal": "rates are equal",
        }[settings.rates]
        report(f"training examples here (in the official set): {', '.join(differing)}; {used}")
    return mixture_rates(
        declared if settings.rates == "reference" else counts,
        "equal" if settings.rates == "equal" else "proportional",
        cap=settings.cap,
        temperature=settings.temperature,
        fixed={name: rate for name, (_, rate) in mixed.items()},
    )
