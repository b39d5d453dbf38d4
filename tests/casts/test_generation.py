import pytest

from t2t.casts import generation
from t2t.errors import UserError

HALLO = {"de": " Hallo\n", "en": "Hello"}


def test_translation_names_both_languages_and_keeps_the_texts():
    expected = ("translate German to English:  Hallo\n", "Hello")
    assert generation.translate(HALLO, "de", "en") == expected
    # The hub's data sets have the pair in a field of its own.
    assert generation.translate({"translation": HALLO}, "de", "en") == expected


def test_a_longer_code_is_the_field_and_its_first_two_letters_the_name():
    pair = {"zh-cn": "x", "pt-br": "y"}
    assert generation.translate(pair, "zh-cn", "pt-br") == (
        "translate Chinese to Portuguese: x",
        "y",
    )


def test_a_language_or_a_text_that_is_not_there_is_named():
    with pytest.raises(UserError, match="language code 'xx': unknown language 'xx'"):
        generation.translate(HALLO, "xx", "en")
    with pytest.raises(UserError, match="fr: missing"):
        generation.translate(HALLO, "fr", "en")


def test_a_summary_is_of_an_article_as_it_is():
    row = {"article": "A .\nB", "highlights": "a\nb", "document": "d", "summary": "s"}
    assert generation.summarize(row) == ("summarize: A .\nB", "a\nb")
    assert generation.summarize(row, "document", "summary") == ("summarize: d", "s")
