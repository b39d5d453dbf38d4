"""The probe of the embeddings."""

import pytest
import torch

from t2t.quickstart.probe import share_of_kindred_neighbours
from t2t.vocabulary import Vocabulary, train_vocabulary

CLASSES = {"animal": ["dog", "cat", "cow"], "fruit": ["fig", "pear", "plum"]}


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    path = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
    return train_vocabulary(["dog cat cow fig pear plum"] * 20, 36, path, kind="bpe")


def test_classes_in_two_directions_are_all_kindred(vocabulary: Vocabulary) -> None:
    embeddings = torch.eye(vocabulary.embedding_rows)
    for column, group in enumerate(CLASSES.values()):
        for word in group:
            embeddings[vocabulary.encode(word)[0], column] += 9.0
    assert share_of_kindred_neighbours(embeddings, vocabulary, CLASSES) == 1.0


def test_pairs_across_classes_are_never_kindred(vocabulary: Vocabulary) -> None:
    embeddings = torch.zeros(vocabulary.embedding_rows, 3)
    for group in CLASSES.values():
        for direction, word in enumerate(group):
            embeddings[vocabulary.encode(word), direction] = 1.0
    assert share_of_kindred_neighbours(embeddings, vocabulary, CLASSES) == 0.0
