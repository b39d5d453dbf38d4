import pytest
from hypothesis import given
from hypothesis import strategies as st

from t2t import casts
from t2t.errors import UserError

LABELS = ("no", "yes")


def wsc_row(text: str, index: int, pronoun: str, **fields) -> dict:
    row = {"text": text, "span2_index": index, "span2_text": pronoun, "span1_text": "Bob"}
    return row | {"span1_index": 0, "label": 1} | fields


def labelled(row: dict):
    return casts.labelled(row, text=lambda r: casts.keyed_text(r, "n", ("b", "a")), labels=LABELS)


def test_keyed_text_keeps_order_and_values():
    row = {"a": " x\t\n", "b": "", "label": 1, "idx": 0}
    assert labelled(row) == ("n b:  a:  x\t\n", "yes")


def test_a_row_without_label_has_the_literal_target_unk():
    assert labelled({"a": "1", "b": "2", "label": -1})[1] == "<unk>"


@pytest.mark.parametrize("label", [2, -2, 1.0, "1", "yes", None])
def test_a_label_that_is_no_id_is_refused(label):
    with pytest.raises(UserError, match=r"label: must be -1 or in 0\.\.1"):
        labelled({"a": "1", "b": "2", "label": label})


def test_fields_that_are_missing_or_no_text_are_named():
    with pytest.raises(UserError, match=r"^a: missing$"):
        labelled({"b": "2", "label": 1})
    with pytest.raises(UserError, match="a: must be a string, is int"):
        labelled({"a": 1, "b": "2", "label": 1})
    with pytest.raises(UserError, match="label: missing; there is 'labels'"):
        labelled({"a": "1", "b": "2", "labels": 1})
    with pytest.raises(UserError, match="entities: must be a list of strings, is str"):
        casts.record({"query": "q", "passage": "p", "entities": "abc", "answers": []})


def test_axb_is_rekeyed_into_an_rte_prompt():
    row = {"sentence1": "One.", "sentence2": "Two.", "label": 0}
    assert casts.axb_text(row) == "rte hypothesis: Two. premise: One."


def test_multirc_markup_goes_from_the_whole_text_and_exactly():
    row = {"question": "<b>Q</b>?<br>", "answer": " <i>a</i>", "paragraph": "x<BR><br/></br><b >"}
    assert casts.multirc_text(row) == (
        "multirc question: Q?  answer:  <i>a</i> paragraph: x<BR><br/></br><b >"
    )


def test_multirc_tags_are_removed_in_one_pass():
    row = {"question": "<<b>/b>", "answer": "<b<br>>", "paragraph": "<</b>b>"}
    assert casts.multirc_text(row) == "multirc question: </b> answer: <b > paragraph: <b>"


@pytest.mark.parametrize("end", [".", "?", "!", '"', "'"])
def test_a_highlight_after_the_end_of_a_sentence_becomes_a_space(end):
    assert casts.highlights_joined(f"A{end}\n@highlight\nB") == f"A{end} B"


@pytest.mark.parametrize("end", ["x", ";", ")", "’", "”", " ", "。"])
def test_a_highlight_elsewhere_ends_the_sentence(end):
    assert casts.highlights_joined(f"A{end}\n@highlight\nB") == f"A{end}. B"


@pytest.mark.parametrize("passage", ["a @highlight b", "a\n@highlight b", "@highlight\nb", "a"])
def test_a_highlight_that_is_no_whole_line_stays(passage):
    assert casts.highlights_joined(passage) == passage


def test_highlights_do_not_overlap():
    assert casts.highlights_joined("a\n@highlight\n\n@highlight\nb") == "a. . b"
    assert casts.highlights_joined("a\n@highlight\n@highlight\nb") == "a. @highlight\nb"


def test_record_gives_one_pair_an_answer():
    row = {"query": "q @placeholder", "passage": "p", "entities": ["A", "B"], "answers": ["B", "A"]}
    inputs = "record query: q @placeholder entities: A, B passage: p"
    assert casts.record(row) == [(inputs, "B"), (inputs, "A")]
    assert casts.record(row | {"answers": [], "entities": []}) == [
        ("record query: q @placeholder entities:  passage: p", "<unk>")
    ]


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
    assert casts.wsc(wsc_row(text, index, pronoun)) == (inputs, "Bob")


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
        casts.wsc(wsc_row("he said he left", index, pronoun))


def test_wsc_trains_on_correct_referents_and_unlabelled_rows():
    row = wsc_row("he said he left", 2, "he")
    assert casts.wsc_correct_referent(row | {"label": 0}) == []
    assert casts.wsc_correct_referent(row | {"label": 1}) == casts.wsc(row)
    assert casts.wsc_correct_referent(row | {"label": -1}) == casts.wsc(row)


def test_a_text_like_the_two_mended_ones_is_not_mended():
    text = 'The boy continued to whip him. "Good for him," he said. '
    with pytest.raises(UserError, match="word 8 is 'him,\"'"):
        casts.wsc(wsc_row(text, 8, "him"))


@given(st.lists(st.text(alphabet="ab X.", max_size=4), min_size=2, max_size=8), st.data())
def test_wsc_only_replaces_the_pronoun_when_nothing_else_is_an_x(words, data):
    words = [word.replace("X", "x").replace(" ", "") for word in words]
    index = data.draw(st.integers(1, len(words) - 1))
    inputs, _ = casts.wsc(wsc_row(" ".join(words), index, words[index]))
    marked = [*words[:index], f"*{words[index]}*", *words[index + 1 :]]
    end = " " if index == len(words) - 1 else ""
    assert inputs == "wsc: " + " ".join(marked) + end


def test_a_document_has_no_inputs():
    assert casts.document({"text": "all of it"}) == ("", "all of it")
