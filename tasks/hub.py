"""Where the rows of the library's tasks come from: official files, the hub, or either."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from t2t.data_card import DataCard
from t2t.rows import Row
from t2t.sources import FilesOrHub, HubSource, OfficialFiles, Source


def files_or_hub(
    files: OfficialFiles,
    card: DataCard,
    columns: Sequence[str],
    adapt: Callable[[Row], Row] = dict,
    unlabelled: tuple[str, ...] = (),
    split_names: Mapping[str, str] = MappingProxyType({}),
) -> Source:
    """Official files when a data folder is given, else the hub; files alone if it has none.

    Args:
        files: the official files of all splits.
        card: knows the hub's data set, if there is one without a loading script.
        columns: the hub's fields that are kept.
        adapt: brings a hub row into the form that the files give.
        unlabelled: splits whose labels are not used.
        split_names: what the hub calls a split, where that is another name.
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
        split_names=split_names,
    )
    return FilesOrHub(files, hub)


def id_as_idx(row: Row) -> Row:
    """A row whose official id, a text, is in `idx`, where exporters and keys look for it."""
    return {**{name: value for name, value in row.items() if name != "id"}, "idx": row["id"]}


def with_splits(card: DataCard, names: Mapping[str, str]) -> DataCard:
    """A card that counts these splits alone, under our names.

    Args:
        card: the data set's.
        names: the card's split by our name for it.
    """
    counts = {split: card.num_examples[theirs] for split, theirs in names.items()}
    return replace(card, num_examples=counts)
