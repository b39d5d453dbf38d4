"""Any cast with a sentinel: fine-tuning in the form that span corruption has taught.

The inputs end in the first sentinel and the targets begin with it, as where one span, the answer,
was cut out of a text. It is written as text, which a vocabulary with sentinels turns into the very
id. seqio adds the ids instead (seqio/experimental.py at e4573a0), to the same effect.
"""

from typing import Any

from t2t.casts.texts import Cast, Texts, is_pair
from t2t.rows import Row

SENTINEL = "<extra_id_0>"


def with_sentinel(row: Row, cast: Cast) -> Texts | list[Texts]:
    """What `cast` makes of a row, with ` <extra_id_0>` behind inputs and before targets.

    A task of it keeps its last token where a text is cut (`Task.trimming`).
    """
    made: Any = cast(row)
    if is_pair(made):
        return _framed(*made)
    return [_framed(inputs, targets) for inputs, targets in made]


def _framed(inputs: str, targets: str) -> Texts:
    return f"{inputs} {SENTINEL}", f"{SENTINEL} {targets}"
