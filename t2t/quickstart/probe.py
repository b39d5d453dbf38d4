"""Whether pre-training has learned the words: do neighbours in embedding space share a class?"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from t2t.vocabulary import Vocabulary


def share_of_kindred_neighbours(
    embeddings: Tensor, vocabulary: Vocabulary, classes: Mapping[str, Sequence[str]]
) -> float:
    """The share of words whose nearest neighbour (by cosine) among all of them is of their class.

    Chance is about one in the number of classes. Where it stays there, pre-training has failed,
    whatever the loss says.

    Args:
        embeddings: [vocabulary, d_model].
        vocabulary: gives the pieces of a word; a word of several has their mean.
        classes: words by class.
    """
    words = [(name, word) for name, group in classes.items() for word in group]
    pieces = vocabulary.encode_batch([word for _, word in words])
    vectors = torch.stack([embeddings[ids].mean(dim=0) for ids in pieces])
    vectors = torch.nn.functional.normalize(vectors, dim=1)
    nearness = (vectors @ vectors.T).fill_diagonal_(-2.0)
    nearest: list[int] = nearness.argmax(dim=1).tolist()
    kindred = [words[one][0] == words[other][0] for one, other in enumerate(nearest)]
    return sum(kindred) / len(kindred)
