"""What a check of a task finds, and the words it is told in."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from t2t.formats.json_lines import json_line

Level = Literal["ok", "warning", "error"]

SHOWN_CHARACTERS = 160
"""Of an example, in a line of text; JSON has it whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check says of a split of a task."""

    level: Level
    """ok: as it should be; warning: to be known; error: the task is wrong."""
    task: str
    split: str
    """"samples" for the task's sample rows, "-" where it is about no split."""
    check: str
    what: str
    where: str | None = None
    """The key of an example."""
    count: int | None = None
    """How many examples it holds for."""
    example: str | None = None
    """What one of them looks like."""

    def line(self) -> str:
        """The finding as a line of text."""
        parts = [f"{self.level:8} {self.task} {self.split} {self.check}: {self.what}"]
        if self.where is not None:
            parts.append(f"; key {self.where}")
        if self.example is not None:
            parts.append(f": {one_line(self.example, SHOWN_CHARACTERS)}")
        return "".join(parts)

    def as_json(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)

    def json_line(self) -> str:
        """The finding as a line of JSON."""
        return json_line(self.as_json())


def one_line(text: str, characters: int) -> str:
    """A text on one line, without control characters, cut in the middle where it is long."""
    shown = "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )
    return cut_in_the_middle(shown, characters)


def cut_in_the_middle(text: str, characters: int, mark: str = " [...] ") -> str:
    """A text, of one that is longer than `characters` its two ends with a mark between."""
    if len(text) <= characters:
        return text
    kept = characters - len(mark)
    return text[: kept - kept // 3] + mark + text[len(text) - kept // 3 :]


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 example", "3 examples"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
