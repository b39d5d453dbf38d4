import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t.casts import winograd
from t2t.errors import UserError


def wsc_row(text: str, index: int, pronoun: str, **fields) -> dict:
    row = {"text": text, "span2_index": index, "span2_text": pronoun, "span1_text": "Bob"}
    return row | {"span1_index": 0, "label": 1} | fields


@pytest.mark.parametrize(
    ("text", "index", "pronoun", "inputs"),
    [
        ("he said he left .", 2, "he", "wsc: he said *he* left ."),
        ("Tom saw him", 2, "him", "wsc: Tom saw *him* "),
        ("Ann  saw her .", 3, "her", "wsc: Ann  saw *her* ."),
        ("Malcolm X knew he won", 3, "he", "wsc: Malcolm *he* knew *he* won"),
        ("Ann saw it\u00a0. yes", 2, "it\u00a0.", "wsc: Ann saw *it\u00a0.* yes"),
        ("a X X he b", 3, "he", "wsc: a *he* X *he* b"),
        ("He saw \\1 run", 2, "\\1", "wsc: He saw *\\1* run"),
    ],
)
def test_wsc_marks_the_pronoun(text, index, pronoun, inputs):
    assert winograd.wsc(wsc_row(text, index, pronoun)) == (inputs, "Bob")


@pytest.mark.parametrize(
    ("index", "pronoun", "reason"),
    [
        (0, "he", "must be in 1..3"),
        (4, "he", "must be in 1..3"),
        (-1, "left", "must be in 1..3"),
        (1, "he", "word 1 is 'said', not span2_text 'he'"),
        (2, "He", "word 2 is 'he', not span2_text 'He'"),
        (True, "said", "must be an integer"),
        (2.0, "he", "must be an integer"),
    ],
)
def test_wsc_refuses_a_pronoun_that_is_not_there(index, pronoun, reason):
    with pytest.raises(UserError, match=f"span2_index: {reason}"):
        winograd.wsc(wsc_row("he said he left", index, pronoun))


def test_wsc_trains_on_correct_referents_and_unlabelled_rows():
    row = wsc_row("he said he left", 2, "he")
    assert winograd.wsc_correct_referent(row | {"label": 0}) == []
    assert winograd.wsc_correct_referent(row | {"label": 1}) == winograd.wsc(row)
    assert winograd.wsc_correct_referent(row | {"label": -1}) == winograd.wsc(row)


def test_a_text_like_the_two_mended_ones_is_not_mended():
    text = 'The boy continued to whip him. "Good for him," he said. '
    with pytest.raises(UserError, match="word 8 is 'him,\"'"):
        winograd.wsc(wsc_row(text, 8, "him"))


def dpr_row(sentence: str, pronoun: str, **fields) -> dict:
    row = {"sentence": sentence, "pronoun": pronoun, "candidates": ["Bob", "Tom"], "label": 1}
    return row | fields


@pytest.mark.parametrize(
    ("sentence", "pronoun", "marked"),
    [
        ("Bob asked Tom if he can.", "he", "Bob asked Tom if *he* can."),
        ("It fell, it broke, it rang.", "it", "It fell, *it* broke, it rang."),
        ("Ann saw him.", "him", "Ann saw *him*."),
        ("Ann saw it, he said", "it", "Ann saw *it*, he said"),
        # Nothing to match: at the start or the end, before another mark, in other letters.
        ("he ran", "he", "he ran"),
        ("so did he", "he", "so did he"),
        ("did he? Or not.", "he", "did he? Or not."),
        ("so He ran", "he", "so He ran"),
        ("Ann said the hen ran", "he", "Ann said the hen ran"),
    ],
)
def test_dpr_marks_the_first_pronoun_between_a_space_and_its_end(sentence, pronoun, marked):
    assert winograd.dpr(dpr_row(sentence, pronoun)) == (f"wsc: {marked}", "Tom")


@pytest.mark.parametrize("label", [2, -1, "1", True, None])
def test_dpr_refuses_a_label_that_is_no_candidate(label):
    with pytest.raises(UserError, match=r"label: must be in 0\.\.1"):
        winograd.dpr(dpr_row("so he ran", "he", label=label))
    with pytest.raises(UserError, match="pronoun: '\\(' is no regular expression"):
        winograd.dpr(dpr_row("so he ran", "("))


def marked(text: str, first: tuple[str, int], second: tuple[str, int]) -> str:
    row = wsc_row(text, second[1], second[0], span1_text=first[0], span1_index=first[1])
    inputs, target = winograd.wsc_marked(row)
    assert target == "True"
    return inputs


@pytest.mark.parametrize(
    ("first", "second", "inputs"),
    [
        (("cat", 1), ("it", 4), "a * cat * saw that # it # ran"),
        # The pronoun first.
        (("it", 4), ("cat", 1), "a # cat # saw that * it * ran"),
        (("ca", 1), ("it", 4), "a * ca *t saw that # it # ran"),
        # The span is not at its place, or there is no such place.
        (("cat", 2), ("it", 6), "a cat saw that it ran"),
        # A missing first mark moves the second all the same.
        (("dog", 1), ("that", 1), "a cat saw that it ran"),
        (("dog", 1), ("it", 2), "a cat saw that # it # ran"),
        (("c.t", 1), ("that|x", 3), "a * cat * saw # that # it ran"),
        (("ran", 5), ("a", 0), "# a # cat saw that it * ran *"),
        (("a", -1), ("ran", 9), "a cat saw that it ran"),
    ],
)
def test_wsc_marked_marks_both_spans_where_they_are(first, second, inputs):
    assert marked("a cat saw that it ran", first, second) == f"wsc text: {inputs}"


def test_words_of_wsc_marked_end_at_single_ascii_spaces():
    assert marked("a  b c", ("b", 1), ("b", 2)) == "wsc text: a  b c"
    assert marked("a\xa0b c", ("c", 1), ("x", 9)) == "wsc text: a\xa0b * c *"
    assert marked("a\nb\tc", ("c", 2), ("x", 9)) == "wsc text: a\nb\t* c *"


def test_wsc_marked_names_what_is_wrong():
    with pytest.raises(UserError, match="span1_text: is no regular expression"):
        marked("a b", ("(", 0), ("b", 1))
    with pytest.raises(UserError, match="span1_index: must be an integer, is '0'"):
        marked("a b", ("a", "0"), ("b", 1))
    unlabelled = wsc_row("a b", 1, "b", label=-1)
    assert winograd.wsc_marked(unlabelled)[1] == "<unk>"


@given(st.lists(st.text(alphabet="ab X.", max_size=4), min_size=2, max_size=8), st.data())
def test_wsc_only_replaces_the_pronoun_when_nothing_else_is_an_x(words, data):
    words = [word.replace("X", "x").replace(" ", "") for word in words]
    index = data.draw(st.integers(1, len(words) - 1))
    inputs, _ = winograd.wsc(wsc_row(" ".join(words), index, words[index]))
    marked = [*words[:index], f"*{words[index]}*", *words[index + 1 :]]
    end = " " if index == len(words) - 1 else ""
    assert inputs == "wsc: " + " ".join(marked) + end
