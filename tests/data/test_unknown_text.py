import pytest

from t2t.data.unknown_text import heads, unknown_text, warning
from t2t.documents import TextSource
from t2t.vocabulary import load_vocabulary

KOREAN = "이 영화는 정말 좋았다"


@pytest.fixture(scope="module")
def vocabulary(t5_vocabulary_file):
    return load_vocabulary(t5_vocabulary_file)


def test_characters_count_and_not_tokens(vocabulary):
    # Eight of twelve: a run of unknown characters is one id among many known ones.
    found = unknown_text(["영화영화영화영화 a b c d"], vocabulary)
    assert (found.share, found.such_as) == (8 / 12, "영화영화영화영화")
    assert unknown_text(["a fine film, isn't it? 1984"], vocabulary).share == 0
    assert unknown_text(["", "  "], vocabulary).share == 0
    assert unknown_text([], vocabulary).share == 0


def test_a_line_names_the_sides_above_five_percent(vocabulary):
    sides = {"inputs": [f"sentiment: {KOREAN}"] * 3, "targets": ["긍정", "긍정", "부정"]}
    assert warning("nsmc", sides, vocabulary) == (
        "nsmc: 47 % of the characters of its inputs, 100 % of its targets are unknown to this "
        "vocabulary, such as '이'"
    )
    only_targets = {"inputs": ["good"], "targets": ["긍정"]}
    assert warning("x", only_targets, vocabulary) == (
        "x: 100 % of the characters of its targets are unknown to this vocabulary, such as '긍정'"
    )
    # 1 of 20 is 5 %, 1 of 19 is more.
    assert warning("x", {"text": ["a" * 19 + "한"]}, vocabulary) is None
    assert warning("x", {"text": ["a" * 18 + "한"]}, vocabulary) is not None


def test_many_texts_are_looked_at_in_part_spread_over_all(vocabulary):
    texts = ["good"] * 5000 + [KOREAN] * 5000
    share = unknown_text(texts, vocabulary).share
    assert share == pytest.approx(9 / 13)


def test_of_a_corpus_the_heads_of_all_files_are_read(tmp_path):
    for number in range(3):
        lines = "".join(f"{number} {line}\n" for line in range(2000))
        (tmp_path / f"{number}.txt").write_text(lines)
    found = heads(TextSource((str(tmp_path / "*.txt"),)), None)
    assert len(found) == 3 * 683
    assert {text.split()[0] for text in found} == {"0", "1", "2"}
