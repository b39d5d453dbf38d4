from collections import Counter
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from t2t.keyed_numbers import keyed_numbers


@given(st.integers(), st.lists(st.text(), max_size=3), st.integers(1, 20))
def test_the_numbers_are_a_function_of_what_they_are_for(seed, what, count):
    first = list(islice(keyed_numbers(seed, *what), count))
    assert first == list(islice(keyed_numbers(seed, *what), count))
    assert all(0 <= number < 2**64 for number in first)
    assert len(set(first)) == count


def test_every_part_of_what_they_are_for_counts():
    arguments = [
        (0, "a", "1"),
        (1, "a", "1"),
        (0, "b", "1"),
        (0, "a", "2"),
        (0, "a1"),
        (0, "1", "a"),
    ]
    assert len({next(keyed_numbers(*given)) for given in arguments}) == len(arguments)


def test_the_numbers_of_known_arguments_never_change():
    """Else examples would get other templates and shots than in the runs before."""
    assert list(islice(keyed_numbers(0, "template", "task", "7"), 2)) == [
        14330096194948307596,
        4701827183572700301,
    ]


def test_they_are_uniform():
    of_keys = Counter(next(keyed_numbers(3, "task", str(key))) % 4 for key in range(8000))
    of_one = Counter(number % 4 for number in islice(keyed_numbers(3, "task"), 8000))
    for counts in (of_keys, of_one):
        assert all(1850 < counts[number] < 2150 for number in range(4))
