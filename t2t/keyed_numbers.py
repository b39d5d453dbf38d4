"""Random numbers of a choice that is made example by example: a hash of (seed, what, key).

Nothing is advanced, so that the choice for an example is the same in whatever order, process or
part of the data it is made. (t2t/data/randomness.py has the same for blocks of numbered rows.)
"""

from collections.abc import Iterator
from hashlib import blake2b

_BYTES = 8


def keyed_numbers(seed: int, *what: str) -> Iterator[int]:
    """Endless numbers below 2**64, uniform and independent of those of any other arguments.

    Args:
        seed: the seed.
        what: what they decide, and for which example: "template", a task, an example's key.
    """
    text = "\0".join((str(seed), *what))
    stream = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_BYTES)
    while True:
        yield int.from_bytes(stream.digest(), "little")
        stream.update(b"\0")
