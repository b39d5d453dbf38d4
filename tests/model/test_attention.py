import torch

from t2t.model.attention import Visibility, split_heads


def test_a_position_sees_its_own_segment_and_not_ahead():
    segments = torch.tensor([[1, 1, 2, 0]])
    seen = Visibility(segments, segments).dense()[0, 0]
    assert seen.tolist() == [
        [True, True, False, False],
        [True, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
    ]
    causal = Visibility(segments, segments, causal=True).dense()[0, 0]
    assert torch.equal(causal, seen.tril())


def test_a_prefix_is_seen_by_its_own_segment_from_before_too():
    segments = torch.tensor([[1, 1, 1, 2, 2]])
    prefix = torch.tensor([[True, True, False, True, False]])
    seen = Visibility(segments, segments, causal=True, prefix=prefix).dense()[0, 0]
    assert seen.int().tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 1, 1],
    ]


def test_heads_are_split_part_by_part():
    joined = torch.arange(2 * 3 * 2 * 4 * 5).view(2, 3, 40)
    first, second = split_heads(joined, 2, 4)
    assert torch.equal(first, joined[..., :20].view(2, 3, 4, 5).transpose(1, 2))
    assert torch.equal(second, joined[..., 20:].view(2, 3, 4, 5).transpose(1, 2))
