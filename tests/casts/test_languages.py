import pytest

from t2t.casts.languages import ENGLISH_NAMES, english_name
from t2t.errors import UserError


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("en", "English"), ("de", "German"), ("ro", "Romanian"), ("nb", "Norwegian Bokmål"),
        ("zh_Hant", "Chinese"), ("bn", "Bangla"), ("ko", "Korean"), ("la", "Latin"),
    ],
)  # fmt: skip
def test_names_are_cldrs(code, name):
    assert english_name(code) == name


def test_every_two_letter_language_has_a_name_of_its_own():
    assert len(ENGLISH_NAMES) == 184
    assert all(len(code) == 2 and code.islower() for code in ENGLISH_NAMES)
    assert len(set(ENGLISH_NAMES.values())) == len(ENGLISH_NAMES)


@pytest.mark.parametrize("code", ["", "e", "EN", "xx", "iw", "German"])
def test_what_names_no_language_is_refused(code):
    with pytest.raises(UserError, match=f"language code '{code}': unknown language"):
        english_name(code)
