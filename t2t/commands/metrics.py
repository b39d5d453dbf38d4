"""`t2t metrics ...`: what a task may be scored by, and where `evaluate` finds it."""

import typer

from t2t.commands.options import AsJson, print_rows

metrics_app = typer.Typer(help="Metrics: list those that a task may name, print a path.")


@metrics_app.callback(invoke_without_command=True)
def metrics(context: typer.Context) -> None:
    """List the metrics unless another command follows."""
    if context.invoked_subcommand is None:
        list_metrics()


@metrics_app.command("list")
def list_metrics(as_json: AsJson = False) -> None:
    """Every metric by name: what a task's values must be, and what it reports."""
    from t2t.metric_names import METRICS

    rows: list[dict[str, object]] = [
        {
            "metric": name,
            "values": metric.kind,
            "grouped": "yes" if metric.grouped else "no",
            "scores": list(metric.scores),
            "rule": metric.rule,
        }
        for name, metric in METRICS.items()
    ]
    print_rows(rows, as_json)


@metrics_app.command("path")
def metric_path(name: str) -> None:
    """The folder of a metric for `evaluate.load(PATH)`, which then needs no hub."""
    from t2t.evaluation.metric_folders import metric_folder

    print(metric_folder(name))
