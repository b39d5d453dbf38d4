"""The leaderboards there are: t2t's own, and those that a user's modules declare."""

from collections.abc import Iterable
from pathlib import Path

from t2t.errors import UserError, unknown
from t2t.evaluation.leaderboards.archive import archive_names
from t2t.evaluation.leaderboards.glue import GLUE
from t2t.evaluation.leaderboards.superglue import SUPERGLUE
from t2t.leaderboard import Leaderboard
from t2t.registry import Registry

SHIPPED: tuple[Leaderboard, ...] = (SUPERGLUE, GLUE)


def known_leaderboards(registry: Registry) -> dict[str, Leaderboard]:
    """All leaderboards by name.

    Args:
        registry: what `load_tasks` found, LEADERBOARDS of modules included.

    Raises:
        UserError: a module declares one under the name of t2t's own.
    """
    shipped = {leaderboard.name: leaderboard for leaderboard in SHIPPED}
    for name in shipped.keys() & registry.leaderboards.keys():
        place = registry.leaderboard_places[name]
        raise UserError(f"leaderboard {name!r} is defined twice: by t2t itself and in {place}")
    return shipped | registry.leaderboards


def leaderboard_named(name: str, registry: Registry) -> Leaderboard:
    """The leaderboard of this name; a `UserError` with the nearest where there is none."""
    known = known_leaderboards(registry)
    if name not in known:
        more = "".join(f"\n  not loaded: {problem}" for problem in registry.problems)
        own = "; --include names the file that declares one of your own"
        raise UserError(f"{unknown('leaderboard', name, known)}{own}{more}")
    return known[name]


def leaderboard_of(path: Path, leaderboards: Iterable[Leaderboard]) -> Leaderboard:
    """The leaderboard that most of an archive's files are of, by their names.

    Whatever lies in a folder or is spelled in capitals counts too: what is wrong with it is said
    by the check.

    Raises:
        UserError: no archive, or no leaderboard has more of its files than every other.
    """
    names = {name.replace("\\", "/").rsplit("/", 1)[-1].lower() for name in archive_names(path)}
    counted = [
        (len(names & {file.name.lower() for file in leaderboard.files}), leaderboard)
        for leaderboard in leaderboards
    ]
    most = max(count for count, _ in counted)
    found = [leaderboard for count, leaderboard in counted if count == most]
    if most and len(found) == 1:
        return found[0]
    what = f"{most} files of each of" if most else "no file of"
    of = ", ".join(leaderboard.name for leaderboard in found)
    hint = "say which it is for with --leaderboard, and name the file that declares your own with"
    raise UserError(f"{path}: holds {what} {of}: {hint} --include")
