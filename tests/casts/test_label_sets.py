import pytest

from t2t.casts.label_sets import labels_in, reuters, topics


def test_topics_are_sorted_and_each_once():
    row = {"title": "T", "body": "B\nb", "topics": ["wheat", "grain", "wheat"]}
    assert reuters(row) == ("reuters title: T body: B\nb", "grain, wheat")
    assert topics(row) == ["grain", "wheat"]


def test_no_topic_is_said():
    row = {"title": "T", "body": "B", "topics": []}
    assert reuters(row)[1] == "none"
    assert labels_in("none") == topics(row) == []


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("grain, wheat", ["grain", "wheat"]),
        ("wheat,grain", ["grain", "wheat"]),
        (" grain ,  grain", ["grain"]),
        ("none, grain", ["grain", "none"]),
        ("", None),
        ("  ", None),
        ("grain, ", None),
        (", grain", None),
    ],
)
def test_an_output_is_read_as_a_list(text, labels):
    assert labels_in(text) == labels
