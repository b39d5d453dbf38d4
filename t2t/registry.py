"""Mixtures, and the registry that knows tasks and mixtures by name.

Nothing is registered when a module is imported: `load_tasks` collects what the modules of
`t2t.tasks` define. A mixture may contain others, as seqio's do; t2t/data/mixing_rates.py has the
rates that follow.
"""

import importlib
import numbers
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from t2t.errors import T2TError, UserError, unknown
from t2t.task import Task

Rate = float | Callable[[Task, int], float] | None
"""How often a member of a mixture is drawn, relative to the others: a number; a function of the
task and its number of training examples; or None, which leaves it to the policy."""


def checked_rate(rate: Any, what: str) -> float:
    """A rate as a float.

    Args:
        rate: what should be a finite number, not negative.
        what: whose rate it is, for the message.

    Raises:
        UserError: it is something else.
    """
    number = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    # Comparing with the largest float holds for integers of any size.
    if not number or not 0 <= rate <= sys.float_info.max:
        shown = repr(rate) if len(repr(rate)) < 40 else "too large"
        raise UserError(f"{what} is {shown}; allowed: 0 and larger finite numbers")
    return float(rate)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mixture:
    """Tasks that are trained on together, and tasks that are only evaluated with them."""

    name: str
    tasks: Sequence[str] | Mapping[str, Rate]
    """Names of tasks and of other mixtures; as a mapping, each with its rate.

    The rate of a mixture in here is a number that is divided among its tasks in proportion to
    their rates in there; without one it just stands for its tasks. A task that is reached twice
    adds up its rates."""
    evaluation_only: tuple[str, ...] = ()
    """Further tasks and mixtures, of rate 0."""

    def __post_init__(self) -> None:
        """Refuse a member that is named twice, and rates that are none."""
        for names in (self.tasks, self.evaluation_only):
            if isinstance(names, str):
                raise UserError(
                    f"mixture {self.name}: {names!r} should be a tuple of names, such as "
                    f"({names!r},)"
                )
            listed = list(names)
            for name in listed:
                if listed.count(name) > 1:
                    raise UserError(f"mixture {self.name}: {name} is there twice")
        for name, rate in self.rates.items():
            if rate is not None and not callable(rate):
                checked_rate(rate, f"mixture {self.name}: rate of {name}")

    @property
    def rates(self) -> Mapping[str, Rate]:
        """Every member that is trained on, with its rate."""
        return self.tasks if isinstance(self.tasks, Mapping) else dict.fromkeys(self.tasks)


class Registry:
    """Tasks and mixtures by name; names are resolved when they are asked for."""

    def __init__(self) -> None:
        """An empty registry."""
        self.tasks: dict[str, Task] = {}
        self.mixtures: dict[str, Mixture] = {}
        self._places: dict[str, str] = {}

    def add(self, item: Task | Mixture, place: str) -> None:
        """Add a task or a mixture.

        Args:
            item: what is added.
            place: where it is defined, for the message when its name is taken.

        Raises:
            UserError: the name is taken by a task or a mixture.
        """
        if item.name in self._places:
            raise UserError(
                f"the name {item.name!r} is defined twice: in {self._places[item.name]} and {place}"
            )
        self._places[item.name] = place
        if isinstance(item, Task):
            self.tasks[item.name] = item
        else:
            self.mixtures[item.name] = item

    def task(self, name: str) -> Task:
        """The task of this name; a `UserError` with the nearest one where there is none."""
        if name not in self.tasks:
            if name in self.mixtures:
                raise UserError(f"{name!r} is a mixture, not a task: one of its tasks is needed")
            raise unknown("task", name, self.tasks)
        return self.tasks[name]

    def with_tasks(self, tasks: Iterable[Task]) -> "Registry":
        """A registry that has these tasks too; they go before others of their names."""
        added = {task.name: task for task in tasks}
        result = Registry()
        result.tasks = {**self.tasks, **added}
        result.mixtures = {n: mixture for n, mixture in self.mixtures.items() if n not in added}
        result._places = {**self._places, **dict.fromkeys(added, "the recipe")}
        return result

    def mixture(self, name: str) -> Mixture:
        """The mixture of this name, whose members and their members all exist.

        Raises:
            UserError: there is none, a member does not exist, or a mixture contains itself.
        """
        if name in self.tasks:
            raise UserError(f"{name!r} is a task, not a mixture")
        if name not in self.mixtures:
            raise unknown("mixture", name, self.mixtures)
        self._check_members(name, (), set())
        return self.mixtures[name]

    def _check_members(self, name: str, path: tuple[str, ...], checked: set[str]) -> None:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise UserError(f"mixture {name} contains itself: {circle}")
        if name in checked:
            return
        mixture = self.mixtures[name]
        for member in (*mixture.rates, *mixture.evaluation_only):
            if member in self.mixtures:
                self._check_members(member, (*path, name), checked)
            elif member not in self.tasks:
                raise unknown("task or mixture", member, self._places, where=f"mixture {name}")
        checked.add(name)

    def expand(self, names: Iterable[str], *, training: bool = False) -> list[Task]:
        """The tasks of task and mixture names, each once, in the order of first mention.

        Args:
            names: tasks and mixtures.
            training: leave out the tasks that a mixture only evaluates, in `evaluation_only` or
                with a rate of 0.

        Raises:
            UserError: an unknown name, or a mixture that contains itself.
        """
        names = list(names)
        for name in names:
            if name in self.mixtures:
                self.mixture(name)
            elif name not in self.tasks:
                raise unknown("task or mixture", name, self._places)
        return [self.tasks[name] for name in self._reached(names, training, {})]

    def evaluation_only(self, name: str) -> set[str]:
        """The names of the tasks that a task or mixture only evaluates."""
        trained = {task.name for task in self.expand([name], training=True)}
        return {task.name for task in self.expand([name])} - trained

    def _reached(
        self, names: Iterable[str], training: bool, reached: dict[str, None]
    ) -> dict[str, None]:
        """Adds the names of the tasks beneath `names` to `reached`, in their order."""
        for name in names:
            if name in reached:
                continue
            if name in self.tasks:
                reached[name] = None
                continue
            mixture = self.mixtures[name]
            if training:
                members = [n for n, rate in mixture.rates.items() if callable(rate) or rate != 0]
            else:
                members = [*mixture.rates, *mixture.evaluation_only]
            self._reached(members, training, reached)
        return reached


def load_tasks() -> Registry:
    """All tasks and mixtures that t2t ships: TASKS and MIXTURES of the modules of t2t.tasks."""
    registry = Registry()
    package = importlib.import_module("t2t.tasks")
    for found in pkgutil.walk_packages(package.__path__, "t2t.tasks."):
        for item in _defined_in(found.name):
            registry.add(item, place=found.name)
    return registry


def _defined_in(name: str) -> Iterator[Task | Mixture]:
    """The TASKS and MIXTURES of a module.

    Raises:
        UserError: the module cannot be loaded, or these hold something else.
    """
    try:
        module = importlib.import_module(name)
    except T2TError:
        raise
    # A task module is anyone's code: where it fails, and how, is what its author needs.
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{last.filename}:{last.lineno}"
        if isinstance(error, SyntaxError):
            place = f"{error.filename}:{error.lineno}"
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{place}: {name} cannot be loaded: {reason}") from error
    for kind, names in ((Task, "TASKS"), (Mixture, "MIXTURES")):
        items = getattr(module, names, ())
        if not isinstance(items, tuple | list) or not all(isinstance(i, kind) for i in items):
            raise UserError(f"{name}: {names} must be a tuple of {kind.__name__} objects")
        yield from items
