import pytest
import torch

from t2t.training.task_losses import example_tasks, task_means, task_sums

NAMES = ["a", "group/b", "c"]
NUMBERS = {name: number for number, name in enumerate(NAMES)}


def test_tasks_of_examples_stand_behind_the_padding():
    keys = [["a/0/1", "group/b/0/2"], [], ["c/12/0"]]
    assert example_tasks(keys, NUMBERS).tolist() == [[3, 0, 1], [3, 3, 3], [3, 2, 3]]
    assert example_tasks([[], []], NUMBERS).tolist() == [[3], [3]]


def test_every_loss_goes_to_the_task_of_its_example():
    keys = [["a/0/1", "group/b/0/2", "a/0/3"], [], ["group/b/0/5", "a/1/1"]]
    # The second example of the last row has no targets.
    segments = torch.tensor([[1, 1, 2, 3, 3, 0], [0] * 6, [1, 1, 1, 1, 0, 0]], dtype=torch.int32)
    targets = torch.where(segments != 0, 7, 0).int()
    losses = torch.tensor([1.0, 2.0, 10.0, 4.0, 8.0, 20.0, 30.0, 40.0, 50.0])
    sums = task_sums(example_tasks(keys, NUMBERS), segments, targets, losses, 3)
    assert sums.dtype == torch.float64
    assert sums.tolist() == [[15.0, 4.0], [150.0, 5.0], [0.0, 0.0]]


def test_sums_are_those_of_a_loop_over_tokens():
    generator = torch.Generator().manual_seed(0)
    segments = torch.randint(0, 5, (6, 30), generator=generator).sort(descending=True).values
    targets = torch.where(segments != 0, torch.randint(1, 9, (6, 30), generator=generator), 0)
    losses = torch.rand(int((targets != 0).sum()), generator=generator)
    keys = [[f"{NAMES[(row + place) % 3]}/0/{place}" for place in range(4)] for row in range(6)]
    expected = torch.zeros(3, 2, dtype=torch.float64)
    for (row, column), loss in zip((targets != 0).nonzero().tolist(), losses, strict=True):
        task = (row + segments[row, column] - 1) % 3
        expected[task] += torch.tensor([loss, 1.0])
    found = task_sums(example_tasks(keys, NUMBERS), segments, targets, losses, 3)
    torch.testing.assert_close(found, expected)


def test_means_name_the_tasks_that_were_there():
    found = task_means([[6.0, 4.0], [float("nan"), 2.0], [0.0, 0.0]], NAMES)
    assert found == {
        "a": {"loss": 1.5, "target_tokens": 4},
        "group/b": {"loss": None, "target_tokens": 2},
    }


def test_a_task_that_is_not_known_is_no_silent_zero():
    with pytest.raises(KeyError):
        example_tasks([["d/0/1"]], NUMBERS)
