import pytest

from t2t.casts.trivia_qa import trivia_qa
from t2t.errors import UserError


def row(aliases: list[str], pages: list[str], results: list[str]) -> dict:
    return {
        "question": "Who?",
        "answer": {"normalized_aliases": aliases},
        "entity_pages": {"wiki_context": pages},
        "search_results": {"search_context": results},
    }


def made(aliases: list[str], *contexts: str) -> list[tuple[str, str]]:
    return [
        (text[len("question: Who ? context: ") :], a)
        for text, a in trivia_qa(row(aliases, list(contexts), []))
    ]


def test_a_pair_for_each_document_and_each_alias_in_it_in_order():
    answered = row(["dylan", "bob dylan"], ["It's Bob Dylan.", "None"], ["dylan here"])
    first, second = (
        "question: Who ? context: It ' s Bob Dylan . ",
        "question: Who ? context: dylan here",
    )
    assert trivia_qa(answered) == [(first, "dylan"), (first, "bob dylan"), (second, "dylan")]


def test_aliases_are_found_whatever_the_case_of_ascii_letters_and_inside_words():
    assert made(["ann"], "BANNS") == [("BANNS", "ann")]
    # TensorFlow's small letters are those of ASCII.
    assert made(["é"], "É", "é") == [("é", "é")]


def test_an_alias_with_punctuation_is_a_regular_expression_of_its_padded_text():
    assert made(["1.5"], "it is 1 x 5", "it is 1.5", "1 5") == [
        ("it is 1 x 5", "1 . 5"),
        ("it is 1 . 5", "1 . 5"),
    ]
    with pytest.raises(UserError, match=r"answer: alias ' \( a' is no regular expression"):
        made(["(a"], "a")


def test_one_kind_of_documents_is_enough_and_none_is_refused():
    answered = row(["x"], [], ["x y"])
    del answered["entity_pages"]
    assert trivia_qa(answered) == [("question: Who ? context: x y", "x")]
    del answered["search_results"]
    with pytest.raises(UserError, match="entity_pages or search_results: missing"):
        trivia_qa(answered)
    with pytest.raises(UserError, match="answer: must have a list 'normalized_aliases', is str"):
        trivia_qa(row(["x"], [], []) | {"answer": "x", "search_results": {"search_context": []}})
