import json

import pytest

from t2t.casts.squad import squad
from t2t.casts.xquad import pad, xquad, xquad_answers
from t2t.errors import UserError


@pytest.mark.parametrize(
    ("text", "padded"),
    [
        ("plain words", "plain words"),
        ("(a)", " ( a ) "),
        ("¿Qué?", " ¿ Qué ? "),
        ("桥长82米（建于1931年）。", "桥长82米 （ 建于1931年 ） 。 "),
        ("“so” – he", " “ so ” – he"),
        ("a_b", "a_b"),
        ("2½ km²", "2½ km²"),
        ("नमस्ते।", "नमस्ते । "),
        ("tab\t\n two", "tab two"),
        ("a\u00a0b", "a \u00a0 b"),
    ],
)
def test_marks_of_every_script_are_padded(text, padded):
    """Letters, marks, numbers and underscores are none; vowel signs of Hindi are marks."""
    assert pad(text) == padded


def test_inputs_and_answers():
    row = {"question": "什么？", "context": "桥。", "answers": {"text": ["（桥）", "桥"]}}
    assert xquad(row) == ("question: 什么 ？ context: 桥 。 ", " （ 桥 ） ")
    assert xquad_answers(row) == [" （ 桥 ） ", "桥"]
    with pytest.raises(UserError, match="answers: none"):
        xquad({**row, "answers": {"text": []}})


def test_ascii_texts_are_as_squads(shared):
    """The rule differs from SQuAD's in characters outside ASCII, and for the underscore."""
    compared = 0
    document = json.loads((shared / "data/xquad/xquad.en.json").read_text(encoding="utf-8"))
    for paragraph in (p for article in document["data"] for p in article["paragraphs"]):
        for qa in paragraph["qas"]:
            texts = {"text": [answer["text"] for answer in qa["answers"]]}
            row = {"question": qa["question"], "context": paragraph["context"], "answers": texts}
            if json.dumps(row, ensure_ascii=False).isascii() and "_" not in str(row):
                assert xquad(row) == squad(row)
                compared += 1
    assert compared > 500
