"""What is known of a task's data set, and the page on which each of it was read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SOURCED = ("hub", "num_examples", "licence", "citation")
"""What a card says, each with its page; what nobody read on a page is not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCard:
    """A data set's place on the hub, its size, licence and citation. None is unknown."""

    hub: str | None = None
    """owner/name of a data set without a loading script."""
    config: str | None = None
    revision: str | None = None
    """The commit that is read; None is the newest."""
    num_examples: Mapping[str, int] = field(default_factory=dict)
    """Rows by split, as the page counts them."""
    licence: str | None = None
    citation: str | None = None
    """Authors, year, title."""
    pages: Mapping[str, str] = field(default_factory=dict)
    """Where each of `SOURCED` was read."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """Which of `SOURCED` are not known."""
        return tuple(name for name in SOURCED if not getattr(self, name))

    @property
    def without_page(self) -> tuple[str, ...]:
        """Which of `SOURCED` are said without a page."""
        known = (name for name in SOURCED if getattr(self, name))
        return tuple(name for name in known if name not in self.pages)
