"""`t2t watch`: a run's checkpoints, evaluated from beside its training."""

from typing import Annotated

import typer

from t2t.commands.options import DataDir, Include, Run, tasks_with


def watch(
    run: Run,
    tasks: Annotated[str, typer.Option(help="Tasks and mixtures, with commas.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "validation",
    data_dir: DataDir = None,
    poll: Annotated[
        float, typer.Option(min=0.01, help="Seconds between looks for checkpoints.")
    ] = 30.0,
    once: Annotated[
        bool, typer.Option("--once", help="Evaluate what is there, and do not wait for more.")
    ] = False,
    include: Include = None,
) -> None:
    """Evaluate every checkpoint of a run that is there or appears, until training has ended.

    Writes RUN/evaluations/step-N. It may be started before, during and after the training, and
    again where it was stopped.
    """
    from t2t.config import resolve_data_dir
    from t2t.evaluation.includes import included_in_run
    from t2t.evaluation.run_checkpoints.watching import Watch
    from t2t.training.stopping import StopRequest

    watching = Watch(
        run,
        [name.strip() for name in tasks.split(",")],
        split,
        resolve_data_dir(data_dir),
        tasks_with(include, included_in_run(run)),
        report=lambda line: print(line, flush=True),
    )
    with StopRequest("stopped watching"):
        watching.once() if once else watching.until_finished(poll)
