import pytest

from t2t.outputs.bio_tags import bio_entities


def test_bio_tags_are_read_as_conlls_script_does() -> None:
    assert bio_entities(["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-ORG", "O", "I-PER"]) == [
        ("PER", 0, 2),
        ("LOC", 3, 4),
        ("LOC", 4, 5),
        ("ORG", 5, 6),
        ("PER", 7, 8),
    ]
    assert bio_entities(["B-PER", "O", "I-PER"]) == [("PER", 0, 1), ("PER", 2, 3)]
    for tag in ("PER", "B-", "X-PER", "o"):
        with pytest.raises(ValueError, match="is none of O, B-TYPE"):
            bio_entities([tag])
