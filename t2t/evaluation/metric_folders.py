"""Where the folders lie that `evaluate.load` takes, without importing evaluate."""

from pathlib import Path

from t2t.errors import unknown

_FACES = Path(__file__).parent / "hf_metrics"


def metric_folders() -> dict[str, Path]:
    """By metric, the folder whose script shows it as an `evaluate.Metric`."""
    scripts = sorted(_FACES.glob("*/*.py"))
    return {path.stem: path.parent for path in scripts if path.stem == path.parent.name}


def metric_folder(name: str) -> Path:
    """The folder to give `evaluate.load`; a `UserError` with the nearest name for none."""
    folders = metric_folders()
    if name not in folders:
        raise unknown("metric", name, folders)
    return folders[name]
