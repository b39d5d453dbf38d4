"""What the `evaluate.Metric` faces share: columns, settings, and rows of several processes.

Each face is over a function of `t2t.metrics`, computes T5's numbers (times 100), and needs neither
the hub nor a cached script: make an instance, or load its folder by path, and call
`compute(predictions=, references=)`. Test for a metric with `is not None`: an empty one is false,
because evaluate gives it a length. Nothing else in t2t imports these modules.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import evaluate
from datasets import Features, Value
from datasets import Sequence as ListOf

from t2t.metrics.scores import Metric

KEYED = "keyed"
"""The configuration with a column `keys`: evaluate.load(path, "keyed")."""

CLASS_ID = Value("int64")
TEXT = Value("string")
NUMBER = Value("float64")

Columns = Mapping[str, Any]

CLASS_IDS: Columns = {"predictions": CLASS_ID, "references": CLASS_ID}
TEXTS: Columns = {"predictions": TEXT, "references": TEXT}
NUMBERS: Columns = {"predictions": NUMBER, "references": NUMBER}
ANSWERS: Columns = {"predictions": TEXT, "references": ListOf(TEXT)}

_CITATION = (
    "Raffel et al. 2020, Exploring the Limits of Transfer Learning; Wang et al. 2019, SuperGLUE"
)


class T5Metric(evaluate.Metric):  # type: ignore[misc]
    """A metric of predictions and references, one of each an example.

    In the configuration `keyed`, `compute` and `add_batch` take `keys` too: a text an example. Of
    each key one example counts, the first of the lowest process, and they are scored in the order
    of their keys. So several processes, whose samplers repeat examples to be equally long, give
    the scores of one; with more than one process, keys are required.
    """

    rule: ClassVar[str]
    """What the metric is, in a line."""
    columns: ClassVar[Sequence[Columns]] = (CLASS_IDS,)
    """The forms that an example may have; the first that fits is taken."""
    unit: ClassVar[str] = "times 100"
    metric: Callable[..., Metric]
    """The function of `t2t.metrics` behind the face; what it takes, `compute` takes too."""

    def __init__(
        self, config_name: str | None = None, num_process: int = 1, **settings: Any
    ) -> None:
        """A metric that holds no examples; `settings` are those of `evaluate.Metric`.

        Raises:
            ValueError: another configuration than default and keyed, or several processes
                without keys.
        """
        if config_name not in (None, "default", KEYED):
            raise ValueError(f"configuration {config_name!r}: allowed are 'default' and {KEYED!r}")
        if num_process > 1 and config_name != KEYED:
            raise ValueError(
                "samplers repeat examples so that processes have equally many, which would count "
                f"twice: with num_process, give config_name={KEYED!r} and keys for the examples"
            )
        super().__init__(config_name=config_name, num_process=num_process, **settings)

    def _info(self) -> evaluate.MetricInfo:
        """What evaluate asks of a metric before it is used."""
        keys = {"keys": TEXT} if self.config_name == KEYED else {}
        return evaluate.MetricInfo(
            description=f"{self.rule}, {self.unit}.",
            citation=_CITATION,
            inputs_description="predictions and references, one for each example.",
            features=[Features({**columns, **keys}) for columns in self.columns],
        )

    def _compute(
        self,
        predictions: Sequence[Any],
        references: Sequence[Any],
        keys: Sequence[str] | None = None,
        **settings: Any,
    ) -> dict[str, float]:
        if keys is not None:
            references, predictions = self.examples_of(keys, references, predictions)
        return self.metric(**settings)(references, predictions)

    def examples_of(
        self, keys: Sequence[str], references: Sequence[Any], predictions: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The references and predictions that are scored: one of each key, in their order.

        Raises:
            ValueError: as `one_a_key`; or keys that the metric cannot take.
        """
        return one_a_key(keys, references, predictions)


def one_a_key(
    keys: Sequence[str], references: Sequence[Any], predictions: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """References and predictions of the first example of each key, in the order of the keys.

    Numbers in a key are ordered by size: "9" before "10", "3/7" before "3/10".

    Raises:
        ValueError: a key with two different references.
    """
    first: dict[str, tuple[Any, Any]] = {}
    for key, reference, prediction in zip(keys, references, predictions, strict=True):
        if first.setdefault(key, (reference, prediction))[0] != reference:
            raise ValueError(f"key {key!r} has two references, so it is not one example's")
    ordered = [first[key] for key in sorted(first, key=_order)]
    return [reference for reference, _ in ordered], [prediction for _, prediction in ordered]


def _order(key: str) -> list[tuple[int, int, str]]:
    parts = key.split("/")
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]
