import pytest
import torch
from torch import nn

from t2t.training.muon import MuonAdamW


def groups(matrix, vector, **more):
    return [
        {"params": parameters, "rule": rule, "lr": 0.01, "weight_decay": 0.1, **more}
        for parameters, rule in (([vector], "adamw"), ([matrix], "muon"))
        if parameters != [None]
    ]


def test_each_rule_updates_its_own_parameters_as_torchs_optimizers_do():
    torch.manual_seed(0)
    starts = torch.randn(48, 32), torch.randn(16)
    ours = [nn.Parameter(start.clone()) for start in starts]
    theirs = [nn.Parameter(start.clone()) for start in starts]
    optimizer = MuonAdamW(groups(*ours), betas=(0.8, 0.9))
    references = [
        torch.optim.Muon([theirs[0]], lr=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([theirs[1]], lr=0.01, betas=(0.8, 0.9), weight_decay=0.1, fused=True),
    ]
    for _ in range(4):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        optimizer.step()
        for reference in references:
            reference.step()
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.equal(mine, other)


def test_an_update_is_about_as_large_as_adamws():
    """So the same learning rate serves both rules."""
    torch.manual_seed(0)
    matrix = nn.Parameter(torch.zeros(256, 512))
    optimizer = MuonAdamW(groups(matrix, None))
    matrix.grad = torch.randn(256, 512)
    optimizer.step()
    assert matrix.square().mean().sqrt().item() == pytest.approx(0.01 * 0.2, rel=0.2)


def test_a_model_without_matrices_is_adamws_alone():
    vector = nn.Parameter(torch.zeros(4))
    optimizer = MuonAdamW([g for g in groups(None, vector)])
    vector.grad = torch.ones(4)
    optimizer.step()
    torch.testing.assert_close(vector.detach(), torch.full((4,), -0.01))
