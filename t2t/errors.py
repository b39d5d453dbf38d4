"""The two kinds of failure a user sees, and the words they are told in.

The command line turns these into one message on stderr and an exit code; nothing else
that t2t raises is meant for a user's eyes.
"""

import difflib
from collections.abc import Iterable, Sequence

MAX_LISTED = 100
_SHORTEST_PART = 3


class T2TError(Exception):
    """A failure with a message for the user; `exit_code` is the process's answer."""

    exit_code = 1


class UserError(T2TError):
    """The user's input is wrong: a recipe, a row, a name, a file. Exit code 2."""

    exit_code = 2


class RunError(T2TError):
    """The input was right, but the run could not go on: a damaged checkpoint, a full disk."""

    exit_code = 1


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` most probably meant, or None when none is near.

    A part of a name stands for the shortest name that it ends, begins or is in.
    """
    names = list(known)
    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if matches:
        return matches[0]
    held = [each for each in names if len(name) >= _SHORTEST_PART and name in each]
    held.sort(key=lambda each: (not each.endswith(name), not each.startswith(name), len(each)))
    return held[0] if held else None


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> UserError:
    """The error for a name that does not exist: where, what, nearest match, what there is.

    Args:
        kind: what was looked up, as the user would say it ("task", "recipe key").
        name: the name that was not found.
        known: the names that exist.
        where: file, line or key in front of the message; empty for none.
    """
    names = sorted(set(known))
    near = closest(name, names)
    suggestion = f"; did you mean {near!r}?" if near else "."
    shown = ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
    prefix = f"{where}: " if where else ""
    return UserError(f"{prefix}unknown {kind} {name!r}{suggestion} Known: {shown or 'none'}")


def refuse(problems: Sequence[str], heading: str) -> None:
    """Raise one `UserError` that lists every problem (the first 100), if there is any."""
    if not problems:
        return
    shown = list(problems[:MAX_LISTED])
    if len(problems) > MAX_LISTED:
        shown.append(f"... and {len(problems) - MAX_LISTED} more")
    plural = "" if len(problems) == 1 else "s"
    # A problem that lists others keeps them beneath it.
    lines = "\n".join(f"  {problem}".replace("\n", "\n  ") for problem in shown)
    raise UserError(f"{heading}: {len(problems)} problem{plural}\n{lines}")
