"""Where the rows of the library's tasks come from: official files, the hub, or either."""

from collections.abc import Callable, Sequence

from t2t.data_card import DataCard
from t2t.rows import Row
from t2t.sources import FilesOrHub, HubSource, OfficialFiles, Source


def files_or_hub(
    files: OfficialFiles,
    card: DataCard,
    columns: Sequence[str],
    adapt: Callable[[Row], Row] = dict,
    unlabelled: tuple[str, ...] = (),
) -> Source:
    """Official files when a data folder is given, else the hub; files alone if it has none.

    Args:
        files: the official files of all splits.
        card: knows the hub's data set, if there is one without a loading script.
        columns: the hub's fields that are kept.
        adapt: brings a hub row into the form that the files give.
        unlabelled: splits whose labels are not used.
    """
    if card.hub is None:
        return files
    hub = HubSource(
        path=card.hub,
        config=card.config,
        splits=files.splits,
        revision=card.revision,
        columns=tuple(columns),
        adapt=adapt,
        unlabelled=unlabelled,
    )
    return FilesOrHub(files, hub)


def id_as_idx(row: Row) -> Row:
    """A row whose official id, a text, is in `idx`, where exporters and keys look for it."""
    return {**{name: value for name, value in row.items() if name != "id"}, "idx": row["id"]}
