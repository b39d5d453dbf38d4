"""Training from the command line: `accelerate launch -m t2t.train RECIPE --out DIR --set K=V`.

`t2t train` is the same in one process. Exit codes: 0 done, 1 failed while running, 2 the
user's input is wrong, 75 stopped by SIGTERM with the state saved: run the same command again.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from t2t.errors import T2TError

if TYPE_CHECKING:
    from t2t.config import Recipe
    from t2t.registry import Registry


def run(recipe: str, out: Path, sets: Sequence[str] = (), include: Sequence[Path] = ()) -> int:
    """Train by a recipe, then evaluate what it asks for; the exit code.

    Args:
        recipe: a path or a shipped name.
        out: the run's folder; a run that is there already goes on.
        sets: `key=value` settings that replace the recipe's.
        include: files of tasks beside those that the recipe names.
    """
    code = _run_and_report(recipe, out, sets, include)
    # Only now: an error on its way up holds what the training held.
    from t2t.processes import leave_processes

    leave_processes()
    return code


def _run_and_report(recipe: str, out: Path, sets: Sequence[str], include: Sequence[Path]) -> int:
    """The exit code of `_run`; a failure is one message."""
    try:
        _run(recipe, out, sets, include)
    except (T2TError, OSError) as error:
        # Every process of a run meets the same error; the first one's words are plain.
        rank = os.environ.get("RANK", "0")
        prefix = "t2t" if rank == "0" else f"t2t (process {rank})"
        print(f"{prefix}: {error}", file=sys.stderr)
        # What the system refused, beneath what the functions expect, is a failure of the run.
        return error.exit_code if isinstance(error, T2TError) else 1
    except KeyboardInterrupt:
        print("t2t: interrupted; the same command goes on from the last save", file=sys.stderr)
        return 130
    return 0


def _run(name: str, out: Path, sets: Sequence[str], include: Sequence[Path]) -> None:
    # Inside, because they load torch and --help should not.
    from t2t.model.manifest import steps_of
    from t2t.processes import flushed_denormals
    from t2t.recipe_files import load_recipe, with_included
    from t2t.task_loading import load_tasks, report_problems
    from t2t.training.loop import train
    from t2t.training.stopping import StopRequest
    from t2t.validation import validated, validated_to_go_on

    if not _is_main():
        # What sources warn of is the same in every process.
        logging.getLogger("t2t").setLevel(logging.ERROR)
    report = print if _is_main() else lambda _: None
    sets = with_included(name, sets, include)
    registry = load_tasks(list(map(Path, load_recipe(name, sets).include)))
    report_problems(registry, _warn if _is_main() else lambda _: None)
    with flushed_denormals(), StopRequest():
        # The data of a run that has begun were valid; that they are the same it checks itself.
        if steps_of(out):
            recipe = load_recipe(name, sets)
            if not _is_done(recipe, out, registry):
                recipe = validated_to_go_on(name, sets, registry, report)
            train(recipe, out, registry)
        else:
            checked = validated(name, sets, registry, report)
            recipe = checked.recipe
            train(recipe, out, registry, checked.data)
    _evaluate(recipe, out, registry)


def _warn(line: str) -> None:
    print(f"t2t: {line}", file=sys.stderr)


def _is_main() -> bool:
    """Whether this is the first of a run's processes."""
    return os.environ.get("RANK", "0") == "0"


def _evaluate(recipe: "Recipe", out: Path, registry: "Registry") -> None:
    """Score the run's last checkpoint on the recipe's tasks, all processes together."""
    from t2t.evaluation.evaluate import evaluate
    from t2t.evaluation.prediction.decoding import recipe_decoding
    from t2t.model.manifest import steps_of
    from t2t.processes import from_main, start_processes
    from t2t.training.evaluations import Evaluations
    from t2t.training.stopping import StopRequest

    if not recipe.evaluation.tasks:
        return
    settings, adjust = recipe.evaluation, recipe.evaluation.score_adjust
    with StopRequest("trained; stopped before the evaluation was done"):
        accelerator = start_processes()
        if from_main(accelerator, lambda: _is_evaluated(recipe, out, registry)):
            return
        if settings.every is not None:
            step = steps_of(out)[-1]
            evaluations = Evaluations(recipe, out, registry)
            evaluations.evaluate(step, accelerator, print if _is_main() else lambda _: None)
            from_main(accelerator, evaluations.prune)
            from_main(accelerator, lambda: evaluations.copy_last(step))
            return
        evaluate(
            out,
            settings.tasks,
            settings.split,
            recipe.data_dir(),
            out,
            registry,
            decoding=recipe_decoding(recipe),
            score_adjust=adjust.tau if adjust else None,
            accelerator=accelerator,
        )


def _is_done(recipe: "Recipe", out: Path, registry: "Registry") -> bool:
    """Whether a run with checkpoints is at its last step, or ended early, and evaluated."""
    from t2t.model.manifest import steps_of
    from t2t.training.evaluations import Evaluations

    last = steps_of(out)[-1]
    finished = last >= recipe.train.steps
    finished = finished or Evaluations(recipe, out, registry).why_ended(last) is not None
    return finished and _is_evaluated(recipe, out, registry)


def _is_evaluated(recipe: "Recipe", out: Path, registry: "Registry") -> bool:
    """Whether the run's predictions are its newest checkpoint's, decoded as the recipe says."""
    from t2t.evaluation.run_checkpoints.run_evaluations import EvaluationPlan, is_evaluated
    from t2t.files import sha256_file
    from t2t.model.manifest import TENSORS, folder_of, steps_of

    if not recipe.evaluation.tasks:
        return True
    newest = folder_of(out, steps_of(out)[-1]) / TENSORS
    if not newest.is_file():
        return False
    return is_evaluated(out, EvaluationPlan.of_recipe(recipe, registry), sha256_file(newest))


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(
        prog="t2t.train", description="Train by a recipe; the same command again continues."
    )
    parser.add_argument("recipe", help="a YAML file, or the name of a shipped recipe")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a setting, such as train.steps=100; may be given several times",
    )
    parser.add_argument(
        "--include",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="a .yaml or .py file of tasks, or a folder of them; may be given several times",
    )
    arguments = parser.parse_args()
    sys.exit(run(arguments.recipe, arguments.out, arguments.set, arguments.include))


if __name__ == "__main__":
    main()
