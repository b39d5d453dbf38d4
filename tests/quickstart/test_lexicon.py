"""The words of the embedded world."""

from collections import Counter

import pytest

from t2t.quickstart.lexicon import CLASSES, MEN, REPORTS, WOMEN, split_lexicon, with_article


def test_every_word_has_one_meaning() -> None:
    words = Counter(
        word
        for one in CLASSES
        for word in (one.name, one.plural, *one.nouns, *one.traits, *one.actions, *one.keepers)
    )
    words.update(word for verbs in REPORTS.values() for word in verbs)
    words.update((*MEN, *WOMEN))
    assert [word for word, count in words.items() if count > 1] == []


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_splits_share_no_word_and_use_all(seed: int) -> None:
    lexicons = split_lexicon(seed)
    dealt = [lexicons[split].words for split in ("train", "validation", "test")]
    everything = {word for one in CLASSES for word in (*one.nouns, *one.traits)}
    everything |= {word for verbs in REPORTS.values() for word in verbs}
    assert sum(len(words) for words in dealt) == len(everything)
    assert frozenset().union(*dealt) == everything


def test_each_split_has_words_of_every_class() -> None:
    for lexicon in split_lexicon(0).values():
        for group in (lexicon.nouns, lexicon.traits, lexicon.reports):
            assert min(len(words) for words in group.values()) >= 4


def test_another_seed_deals_other_words() -> None:
    assert split_lexicon(0)["train"].words != split_lexicon(1)["train"].words


@pytest.mark.parametrize(
    ("word", "expected"), [("apple", "an apple"), ("pear", "a pear"), ("oboe", "an oboe")]
)
def test_article(word: str, expected: str) -> None:
    assert with_article(word) == expected
