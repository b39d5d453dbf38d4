"""The data sets of the library's tasks, from data_cards.json: each value with its page.

{"glue": {"cola": {"hub": {"value": "nyu-mll/glue", "page": "https://..."}, ...}}}
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from t2t.data_card import SOURCED, DataCard
from t2t.errors import UserError

_FILE = Path(__file__).with_name("data_cards.json")


def card(data_set: str, config: str = "") -> DataCard:
    """What is known of one configuration of a data set.

    Raises:
        UserError: the file has no such data set or configuration.
    """
    try:
        values = _cards()[data_set][config]
    except KeyError as error:
        raise UserError(f"{_FILE.name}: no card of {data_set} {config}") from error
    known = {name: item for name, item in values.items() if isinstance(item, dict)}
    said = {name: known[name]["value"] for name in SOURCED if name in known}
    pages = {name: known[name]["page"] for name in SOURCED if name in known}
    return DataCard(
        **said,
        config=values.get("hub_config"),
        revision=values.get("revision"),
        pages=pages,
    )


@cache
def _cards() -> dict[str, dict[str, dict[str, Any]]]:
    cards: dict[str, dict[str, dict[str, Any]]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return cards
