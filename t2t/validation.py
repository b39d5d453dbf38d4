"""A recipe against tasks, files, vocabulary and model, before anything is built.

Every check runs, so that one call names every problem, each with the place in the recipe
that it comes from.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from t2t.config import Recipe, read_recipe
from t2t.data.denoising import check_spans, random_spans_helper
from t2t.errors import T2TError, UserError, refuse
from t2t.evaluation.evaluate import select_tasks
from t2t.task import Registry, Task
from t2t.training.initial_model import starting_config
from t2t.training.training_data import SPLIT, task_of_text, training_tasks
from t2t.vocabulary import SentencePieceVocabulary, load_vocabulary
from t2t.yaml_document import Document


def validated(name: str, sets: Sequence[str], registry: Registry) -> Recipe:
    """The recipe, if it can be run here.

    Args:
        name: a YAML file or a shipped recipe.
        sets: `key=value` overrides.
        registry: where task names are looked up.

    Raises:
        UserError: every problem, as `place: key: reason`.
    """
    recipe, document = read_recipe(name, sets)
    refuse(problems_of(recipe, registry, document), name)
    return recipe


def problems_of(recipe: Recipe, registry: Registry, document: Document) -> list[str]:
    """Every reason why `recipe` cannot be run, as `place: key: reason`."""
    return _Check(recipe, registry, document).run()


class _Check:
    """One pass over a recipe that collects what is wrong."""

    def __init__(self, recipe: Recipe, registry: Registry, document: Document) -> None:
        self.recipe = recipe
        self.registry = registry
        self.document = document
        self.problems: list[str] = []

    def run(self) -> list[str]:
        self.check_batch()
        vocabulary = self.load_vocabulary()
        self.check_model(vocabulary)
        self.check_texts(vocabulary)
        data_dir = self.find_data_dir()
        if not self.problems:
            # Rows are read last: the checks above take moments, these may take a minute.
            for task in self.find_tasks():
                with self.at("mixture.tasks"):
                    task.rows(SPLIT, data_dir)
            self.check_evaluation(data_dir)
        return self.problems

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """Note what goes wrong inside as a problem of `key`."""
        try:
            yield
        except T2TError as error:
            place = self.document.place(tuple(key.split(".")))
            reason = str(error).removeprefix(f"{key}: ")
            self.problems.append(": ".join(part for part in (place, key, reason) if part))

    def check_batch(self) -> None:
        settings = self.recipe.train
        with self.at("train.batch_size"):
            if settings.batch_size % settings.accumulation:
                raise UserError(
                    f"{settings.batch_size} rows do not divide into train.accumulation = "
                    f"{settings.accumulation} equal parts"
                )

    def load_vocabulary(self) -> SentencePieceVocabulary | None:
        with self.at("vocabulary"):
            return load_vocabulary(Path(self.recipe.vocabulary))
        return None

    def check_model(self, vocabulary: SentencePieceVocabulary | None) -> None:
        if vocabulary is not None:
            with self.at("model"):
                starting_config(self.recipe, vocabulary)

    def find_data_dir(self) -> Path | None:
        with self.at("data.dir"):
            return self.recipe.data_dir()
        return None

    def find_tasks(self) -> list[Task]:
        with self.at("mixture.tasks"):
            return list(training_tasks(self.recipe, self.registry))
        return []

    def check_texts(self, vocabulary: SentencePieceVocabulary | None) -> None:
        """Text tasks: used, named apart from the registry's, and with sentinels enough."""
        mixed = self.recipe.mixture.fixed
        for name, text in self.recipe.text.items():
            with self.at(f"text.{name}"):
                task_of_text(name, text)
                if name in self.registry.tasks or name in self.registry.mixtures:
                    raise UserError("a registered task or mixture has this name; take another")
                if name not in mixed:
                    raise UserError("is not used; add its name to mixture.tasks")
                if vocabulary is None:
                    continue
                raw, _ = random_spans_helper(
                    self.recipe.data.inputs_length, text.noise_density, text.mean_span
                )
                check_spans(raw, text.noise_density, text.mean_span, vocabulary.num_sentinels)

    def check_evaluation(self, data_dir: Path | None) -> None:
        settings = self.recipe.evaluation
        with self.at("evaluation.tasks"):
            names = settings.tasks
            chosen = select_tasks(self.registry, names, settings.split, print) if names else []
            for task in chosen:
                task.rows(settings.split, data_dir)
