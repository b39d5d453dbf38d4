import pytest

from t2t.casts import reading


def test_multirc_markup_goes_from_the_whole_text_and_exactly():
    row = {"question": "<b>Q</b>?<br>", "answer": " <i>a</i>", "paragraph": "x<BR><br/></br><b >"}
    assert reading.multirc_text(row) == (
        "multirc question: Q?  answer:  <i>a</i> paragraph: x<BR><br/></br><b >"
    )


def test_multirc_tags_are_removed_in_one_pass():
    row = {"question": "<<b>/b>", "answer": "<b<br>>", "paragraph": "<</b>b>"}
    assert reading.multirc_text(row) == "multirc question: </b> answer: <b > paragraph: <b>"


@pytest.mark.parametrize("end", [".", "?", "!", '"', "'"])
def test_a_highlight_after_the_end_of_a_sentence_becomes_a_space(end):
    assert reading.highlights_joined(f"A{end}\n@highlight\nB") == f"A{end} B"


@pytest.mark.parametrize("end", ["x", ";", ")", "’", "”", " ", "。"])
def test_a_highlight_elsewhere_ends_the_sentence(end):
    assert reading.highlights_joined(f"A{end}\n@highlight\nB") == f"A{end}. B"


@pytest.mark.parametrize("passage", ["a @highlight b", "a\n@highlight b", "@highlight\nb", "a"])
def test_a_highlight_that_is_no_whole_line_stays(passage):
    assert reading.highlights_joined(passage) == passage


def test_highlights_do_not_overlap():
    assert reading.highlights_joined("a\n@highlight\n\n@highlight\nb") == "a. . b"
    assert reading.highlights_joined("a\n@highlight\n@highlight\nb") == "a. @highlight\nb"


def test_record_gives_one_pair_an_answer():
    row = {"query": "q @placeholder", "passage": "p", "entities": ["A", "B"], "answers": ["B", "A"]}
    inputs = "record query: q @placeholder entities: A, B passage: p"
    assert reading.record(row) == [(inputs, "B"), (inputs, "A")]
    assert reading.record(row | {"answers": [], "entities": []}) == [
        ("record query: q @placeholder entities:  passage: p", "<unk>")
    ]
