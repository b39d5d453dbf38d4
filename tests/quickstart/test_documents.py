"""The documents of the embedded world."""

import re

from t2t.quickstart.documents import documents
from t2t.quickstart.lexicon import CLASSES, REPORTS, split_lexicon


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_same_seed_same_documents() -> None:
    assert documents(3, 200) == documents(3, 200)
    assert documents(3, 200) != documents(4, 200)


def test_a_document_is_one_short_line() -> None:
    for document in documents(0, 2000):
        assert "\n" not in document
        assert 3 <= len(document.split()) <= 24
        assert document[0].isupper()
        assert document[-1] in ".?"


def test_articles_fit_their_words() -> None:
    text = " ".join(documents(0, 5000))
    assert re.findall(r"\b[Aa] [aeiou]\w+", text) == []
    assert re.findall(r"\b[Aa]n [^aeiou\W]\w+", text) == []


def test_documents_teach_every_heldout_word_with_its_class() -> None:
    lines = documents(0, 20_000)
    lexicons = split_lexicon(0)
    for one in CLASSES:
        friends = {one.name, one.plural, *one.actions, *one.keepers}
        kin = [words for line in lines if (words := words_of(line)) & friends]
        for split in ("validation", "test"):
            for word in lexicons[split].nouns[one.name]:
                assert sum(word in words for words in kin) >= 20, word


def test_documents_teach_every_reporting_verb_with_its_verdict() -> None:
    lines = [words_of(line) for line in documents(0, 20_000)]
    verdicts = {"fact": {"true", "fact"}, "opinion": {"maybe"}, "falsehood": {"false"}}
    for kind, verbs in REPORTS.items():
        for verb in verbs:
            assert sum(verb in words and bool(words & verdicts[kind]) for words in lines) >= 10
