"""Mixtures, and the registry that knows tasks and mixtures by name.

Nothing is registered when a module is imported: `load_tasks` (t2t/task_loading.py) collects what
modules and files define. A mixture may contain others, as seqio's do; t2t/data/mixing_rates.py has
the rates that follow.
"""

import numbers
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from t2t.errors import UserError, unknown
from t2t.leaderboard import Leaderboard
from t2t.outputs.labels import label_problems
from t2t.sources import TRAIN
from t2t.task import Alias, Task

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


@dataclass(frozen=True, slots=True)
class MixtureFamily:
    """Mixtures that are made when they are asked for, such as leave_one_out:TASK."""

    name: str
    """What stands before the colon."""
    parameter: str
    """What the text behind the colon is, such as TASK."""
    make: Callable[[str, "Registry"], Mixture]
    """The mixture of a parameter; a `UserError` where it means nothing."""


@dataclass(frozen=True, slots=True)
class TaskVariant:
    """Tasks that are made of others when they are asked for, such as TASK_templates."""

    name: str
    """How their names are made, such as TASK_K_shot."""
    suffix: re.Pattern[str]
    """Finds what stands behind the name of the other task, to the end."""
    make: Callable[[Task, re.Match[str]], Task]
    """The variant of a task; a `UserError` where there is none."""


Item = Task | Mixture | MixtureFamily | TaskVariant | Leaderboard


class Registry:
    """Tasks and mixtures by name; names are resolved when they are asked for."""

    def __init__(self) -> None:
        """An empty registry."""
        self.tasks: dict[str, Task] = {}
        """Tasks by their own names."""
        self.mixtures: dict[str, Mixture] = {}
        self.families: dict[str, MixtureFamily] = {}
        self.problems: list[str] = []
        """Why some tasks could not be loaded, one a place."""
        self.included: tuple[Path, ...] = ()
        """The files and folders that tasks were included from."""
        self.problems_of_included: list[str] = []
        """Those of `problems` that are about what the user named."""
        self.variants: dict[str, TaskVariant] = {}
        self.leaderboards: dict[str, Leaderboard] = {}
        """Those that modules declare, beside t2t's own; no task or mixture competes for a name."""
        self.leaderboard_places: dict[str, str] = {}
        self._of_families: dict[str, Mixture] = {}
        self._contested: dict[str, str] = {}
        self._of_variants: dict[str, Task] = {}
        self._aliases: dict[str, tuple[str, Alias]] = {}
        self._places: dict[str, str] = {}

    @property
    def size(self) -> int:
        """How many names there are."""
        return len(self._places) + len(self.leaderboards)

    def add(self, item: Item, place: str) -> None:
        """Add a task with its aliases, a mixture, a family of mixtures or a leaderboard.

        Args:
            item: what is added.
            place: where it is defined, for the message when its name is taken.

        Raises:
            UserError: the name or an alias is taken, or labels that an output could not be told
                apart by; nothing is added then.
        """
        if isinstance(item, Leaderboard):
            self._add_leaderboard(item, place)
            return
        if isinstance(item, Task):
            for problem in label_problems(item.labels):
                raise UserError(f"{place}: task {item.name}: labels: {problem}")
        aliases = item.aliases if isinstance(item, Task) else ()
        for name in (item.name, *(alias.name for alias in aliases)):
            if name in self._places:
                raise UserError(
                    f"the name {name!r} is defined twice: in {self._places[name]} and {place}"
                )
        self._places |= dict.fromkeys([item.name, *(alias.name for alias in aliases)], place)
        if isinstance(item, Task):
            self.tasks[item.name] = item
            self._aliases |= {alias.name: (item.name, alias) for alias in aliases}
        elif isinstance(item, Mixture):
            self.mixtures[item.name] = item
        elif isinstance(item, TaskVariant):
            self.variants[item.name] = item
        else:
            self.families[item.name] = item

    def _add_leaderboard(self, leaderboard: Leaderboard, place: str) -> None:
        name = leaderboard.name
        if name in self.leaderboard_places:
            first = self.leaderboard_places[name]
            # To write the other one would be to write something else than was meant.
            self.leaderboards.pop(name, None)
            raise UserError(f"the leaderboard {name!r} is defined twice: in {first} and {place}")
        self.leaderboards[name] = leaderboard
        self.leaderboard_places[name] = place

    def contest(self, name: str, reason: str) -> None:
        """Refuse to say which task a name stands for, since the user named two for it."""
        self._contested[name] = reason

    def is_task(self, name: str) -> bool:
        """Whether there is a task of this name or alias, or one that it would be a variant of."""
        return name in self.tasks or name in self._aliases or self._variant(name) is not None

    def _variant(self, name: str) -> tuple[str, TaskVariant, re.Match[str]] | None:
        """What a name would be a variant of, and how."""
        for variant in self.variants.values():
            match = variant.suffix.search(name)
            if match and self.is_task(name[: match.start()]):
                return name[: match.start()], variant, match
        return None

    def is_mixture(self, name: str) -> bool:
        """Whether there is a mixture of this name, made or to be made by a family."""
        return name in self.mixtures or (name.partition(":")[0] in self.families and ":" in name)

    def place(self, name: str) -> str:
        """Where a task, alias or mixture is defined; of a variant, what it is made of."""
        found = None if name in self._places else self._variant(name)
        return self.place(found[0]) if found else self._places[name]

    def task(self, name: str) -> Task:
        """The task of this name or alias; a `UserError` with the nearest where there is none."""
        if name in self._contested:
            raise UserError(self._contested[name])
        if name in self.tasks:
            return self.tasks[name]
        if name in self._aliases:
            own, alias = self._aliases[name]
            return self.tasks[own] if alias.splits is None else self.tasks[own].only(alias.splits)
        if name in self._of_variants:
            return self._of_variants[name]
        found = self._variant(name)
        if found is not None:
            base, variant, match = found
            self._of_variants[name] = variant.make(self.task(base), match)
            return self._of_variants[name]
        if self.is_mixture(name):
            raise UserError(f"{name!r} is a mixture, not a task: one of its tasks is needed")
        raise self.unknown("task", name)

    def with_tasks(self, tasks: Iterable[Task]) -> "Registry":
        """A registry that has these tasks too; they go before others of their names."""
        added = {task.name: task for task in tasks}
        result = Registry()
        result.tasks = {**self.tasks, **added}
        result.mixtures = {n: mixture for n, mixture in self.mixtures.items() if n not in added}
        result.families = dict(self.families)
        result.variants = dict(self.variants)
        result.problems = self.problems
        result.included = self.included
        result.leaderboards = dict(self.leaderboards)
        result.leaderboard_places = dict(self.leaderboard_places)
        result._contested = {n: why for n, why in self._contested.items() if n not in added}
        result.problems_of_included = self.problems_of_included
        result._aliases = {n: alias for n, alias in self._aliases.items() if n not in added}
        result._places = {**self._places, **dict.fromkeys(added, "the recipe")}
        return result

    def mixture(self, name: str) -> Mixture:
        """The mixture of this name, whose members and their members all exist.

        Raises:
            UserError: there is none, a member does not exist, or a mixture contains itself.
        """
        if self.is_task(name):
            raise UserError(f"{name!r} is a task, not a mixture")
        if not self.is_mixture(name):
            raise self.unknown("mixture", name)
        self._check_members(name, (), set())
        return self._made(name)

    def _made(self, name: str) -> Mixture:
        """A mixture, after its family has made it where it is of one."""
        if name in self.mixtures:
            return self.mixtures[name]
        if name not in self._of_families:
            family, _, parameter = name.partition(":")
            self._of_families[name] = self.families[family].make(parameter, self)
        return self._of_families[name]

    def _check_members(self, name: str, path: tuple[str, ...], checked: set[str]) -> None:
        if name in path:
            circle = " -> ".join((*path[path.index(name) :], name))
            raise UserError(f"mixture {name} contains itself: {circle}")
        if name in checked:
            return
        mixture = self._made(name)
        for member in (*mixture.rates, *mixture.evaluation_only):
            if self.is_mixture(member):
                self._check_members(member, (*path, name), checked)
            elif not self.is_task(member):
                raise self.unknown("task or mixture", member, where=f"mixture {name}")
        checked.add(name)

    def expand(self, names: Iterable[str], *, training: bool = False) -> list[Task]:
        """The tasks of task and mixture names, each once, in the order of first mention.

        Args:
            names: tasks, aliases and mixtures. A task that only an alias with fewer splits leads
                to has these alone.
            training: leave out the tasks that a mixture only evaluates: in `evaluation_only`,
                with a rate of 0, or without a split `train`.

        Raises:
            UserError: an unknown name, or a mixture that contains itself.
        """
        names = list(names)
        for name in names:
            if self.is_mixture(name):
                self.mixture(name)
            elif not self.is_task(name):
                raise self.unknown("task or mixture", name)
        reached: dict[str, Task] = {}
        for name in names:
            self._reach(name, training, reached)
        return list(reached.values())

    def evaluation_only(self, name: str) -> set[str]:
        """The names of the tasks that a task or mixture only evaluates."""
        trained = {task.name for task in self.expand([name], training=True)}
        return {task.name for task in self.expand([name])} - trained

    def _reach(self, name: str, training: bool, reached: dict[str, Task]) -> None:
        """Add the tasks beneath a name to `reached`, in their order."""
        if self.is_task(name):
            task = self.task(name)
            # Two aliases with some splits each are the whole task together.
            known = reached.get(task.name)
            whole = known is not None and known.splits != task.splits
            reached[task.name] = self.task(task.name) if whole else task
            return
        mixture = self._made(name)
        members = [
            member
            for member, rate in mixture.rates.items()
            if not training or (rate != 0 and self._trains(member))
        ]
        for member in [*members, *(() if training else mixture.evaluation_only)]:
            self._reach(member, training, reached)

    def _trains(self, member: str) -> bool:
        """Whether a member of a mixture has training examples; a mixture may have some."""
        return not self.is_task(member) or TRAIN in self.task(member).splits

    def trained_rates(self, mixture: Mixture) -> dict[str, Rate]:
        """The members of a mixture that have training examples, with their rates.

        As in seqio, a member without a split `train` takes no part, whatever its rate.
        """
        return {name: rate for name, rate in mixture.rates.items() if self._trains(name)}

    def unknown(self, kind: str, name: str, more: Iterable[str] = (), where: str = "") -> UserError:
        """The error for a name that is not there: the nearest one, and what could not be loaded.

        Args:
            kind: what was looked up: task, mixture, or both.
            name: the name.
            more: names that would have been right, beside the registry's.
            where: as for `t2t.errors.unknown`.
        """
        families = [f"{family.name}:{family.parameter}" for family in self.families.values()]
        known = list(more)
        known += [*self.tasks, *self._aliases, *self.variants] if "task" in kind else []
        known += [*self.mixtures, *families] if "mixture" in kind else []
        error = unknown(kind, name, known, where=where)
        if not self.problems:
            return error
        # What is not loaded is more probably meant than another name that looks like it.
        own = [problem for problem in self.problems if name in problem]
        said = f"{where}: " if where else ""
        first = f"{said}unknown {kind} {name!r}" if own else str(error)
        return UserError("\n".join([first, "Not loaded:", *(own or self.problems)]))
