"""Rates of the tasks of a mixture: by policy, by number, by function, and through mixtures in it.

Rates are relative; the index (t2t/data/mixing.py) divides by their sum.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction

from t2t.errors import UserError, unknown
from t2t.registry import Rate, Registry, checked_rate
from t2t.task import Task

POLICIES = ("proportional", "equal")


def proportional_rate(
    count: float, cap: float | None = None, temperature: float = 1.0, scale: float = 1.0
) -> float:
    """T5's rate of a task: min(count * scale, cap) ** (1 / temperature).

    Args:
        count: the task's number of training examples.
        cap: the artificial data set size limit K; None for no limit.
        temperature: T; 1 mixes in proportion, larger ones move towards equal rates.
        scale: multiplies the count before the limit.
    """
    size = count * scale if cap is None else min(count * scale, cap)
    try:
        rate = float(size ** (1.0 / temperature))
    except OverflowError:
        rate = math.inf
    return checked_rate(rate, f"{count:g} * {scale:g} to the power of 1 / {temperature:g}")


def mixture_rates(
    counts: Mapping[str, int],
    policy: str = "proportional",
    *,
    cap: float | None = None,
    temperature: float = 1.0,
    scale: float = 1.0,
) -> dict[str, float]:
    """The rate that a policy gives to each task, not normalised.

    Args:
        counts: training examples of each task.
        policy: "proportional" (see `proportional_rate`) or "equal" (1 for each task).
        cap, temperature, scale: of the proportional policy.

    Raises:
        UserError: an unknown policy, a number out of range.
    """
    if policy not in POLICIES:
        raise unknown("rates", policy, POLICIES)
    for name, value in (("temperature", temperature), ("scale", scale)):
        if not 0 < value < math.inf:
            raise UserError(f"{name} is {value}; allowed: numbers above 0")
    if cap is not None and not cap > 0:
        raise UserError(f"cap is {cap}; allowed: numbers above 0, or none for no cap")
    if policy == "equal":
        return dict.fromkeys(counts, 1.0)
    return {
        name: proportional_rate(count, cap, temperature, scale) for name, count in counts.items()
    }


def nested_rates(
    members: Mapping[str, Rate],
    registry: Registry,
    counts: Mapping[str, int],
    policy: Mapping[str, float],
    where: str,
) -> dict[str, float]:
    """The rate of each task that some members come down to, not normalised.

    As in seqio, the number that a mixture has as a member is divided among its tasks in
    proportion to their rates in it, and a task that is reached twice adds up its rates. Unlike
    there, a mixture may also have no number: then it just stands for its tasks.

    Args:
        members: tasks and mixtures with their rates.
        registry: knows them, and what the mixtures contain.
        counts: training examples of the tasks, for functions and to refuse empty tasks. A task
            whose number is not known is missing; a function cannot be asked for its rate.
        policy: the rates of tasks that have none of their own, for all whose examples are known.
        where: what has the members, in front of a message.

    Returns:
        Rates by name in the order of first mention; 0 for tasks that are not trained on.

    Raises:
        UserError: a rate is no finite number from 0 on, a function fails, a mixed task is empty,
            a mixture has a rate but its tasks have none, or no task has a rate above 0.
    """
    exact = _Division(registry, counts, policy).of(members, where)
    rates = {name: _as_float(rate, f"{where}: rate of {name}") for name, rate in exact.items()}
    for name, rate in rates.items():
        if rate and counts.get(name) == 0:
            raise UserError(f"{where}: {name} has rate {rate:g} but no training examples")
    if not any(rates.values()):
        raise UserError(f"{where}: there is no task with a rate above 0")
    return rates


def reached_twice(members: Mapping[str, Rate], registry: Registry) -> dict[str, int]:
    """How many times the members come down to a task, for those where that is more than once."""
    found: Counter[str] = Counter()
    for name, rate in members.items():
        if _is_zero(rate):
            continue
        if registry.is_mixture(name):
            mixture = registry.mixture(name)
            inside = reached_twice(registry.trained_rates(mixture), registry)
            for task in registry.expand([name], training=True):
                found[task.name] += inside.get(task.name, 1)
        else:
            found[registry.task(name).name] += 1
    return {name: times for name, times in found.items() if times > 1}


class _Division:
    """Divides rates down a mixture, in fractions, so that no depth costs exactness."""

    def __init__(
        self, registry: Registry, counts: Mapping[str, int], policy: Mapping[str, float]
    ) -> None:
        self._registry = registry
        self._counts = counts
        self._policy = policy

    def of(self, members: Mapping[str, Rate], where: str) -> dict[str, Fraction]:
        """The rates of the tasks beneath some members."""
        rates: dict[str, Fraction] = {}
        for name, rate in members.items():
            for task, part in self._of_member(name, rate, where).items():
                rates[task] = rates.get(task, Fraction(0)) + part
        return rates

    def _of_member(self, name: str, rate: Rate, where: str) -> dict[str, Fraction]:
        if _is_zero(rate):
            return {task.name: Fraction(0) for task in self._registry.expand([name], training=True)}
        if not self._registry.is_mixture(name):
            task = self._registry.task(name)
            return {task.name: Fraction(self._of_task(task, rate, where))}
        mixture = self._registry.mixture(name)
        parts = self.of(self._registry.trained_rates(mixture), f"mixture {name}")
        if rate is None:
            return parts
        if callable(rate):
            raise UserError(
                f"{where}: the rate of {name} is a function; a mixture takes a number, or none"
            )
        whole = sum(parts.values())
        if not whole:
            raise UserError(f"{where}: {name} has rate {rate:g}, but its tasks have rate 0")
        share = Fraction(checked_rate(rate, f"{where}: rate of {name}")) / whole
        return {task: part * share for task, part in parts.items()}

    def _of_task(self, task: Task, rate: Rate, where: str) -> float:
        if rate is None:
            if self._counts.get(task.name) == 0:
                raise UserError(f"{where}: {task.name} is mixed but has no training examples")
            if task.name not in self._policy:
                raise UserError(
                    f"{where}: {task.name} declares no number of training examples; count them in "
                    "a data folder, or take equal rates"
                )
            return self._policy[task.name]
        if callable(rate):
            return self._by_function(task, rate, f"{where}: rate of {task.name}")
        return checked_rate(rate, f"{where}: rate of {task.name}")

    def _by_function(self, task: Task, rate: Callable[[Task, int], float], what: str) -> float:
        if task.name not in self._counts:
            raise UserError(
                f"{what} is a function of the number of training examples, and {task.name} "
                "declares none; count them in a data folder"
            )
        count = self._counts[task.name]
        try:
            found = rate(task, count)
        # A rate is anyone's code: whatever it does is told with the place.
        except Exception as error:
            raise UserError(
                f"{what}: its function fails at {count} examples: {type(error).__name__}: {error}"
            ) from error
        return checked_rate(found, f"{what}, by its function at {count} examples,")


def _is_zero(rate: Rate) -> bool:
    return rate is not None and not callable(rate) and rate == 0


def _as_float(rate: Fraction, what: str) -> float:
    """The nearest float; refused where that is 0 or infinite and the fraction is neither."""
    try:
        nearest = float(rate)
    except OverflowError:
        nearest = math.inf
    if nearest == math.inf or (rate and not nearest):
        raise UserError(f"{what} is out of the range of numbers: scale the rates")
    return nearest
