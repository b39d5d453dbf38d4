"""Muon for the matrices inside the layers, AdamW for everything else: one optimizer."""

from collections.abc import Callable, Iterable
from typing import Any

import torch

# The key of a parameter group that says which of the two rules updates it.
RULE = "rule"


class MuonAdamW(torch.optim.Optimizer):
    """torch's Muon and torch's fused AdamW behind one list of groups and one state.

    Muon orthogonalises the momentum of a matrix (https://kellerjordan.github.io/posts/muon/).
    Its rates are adjusted to give AdamW's root mean square of an update (0.2 * sqrt(longer
    side), arXiv 2502.16982), so that both rules share one learning rate and one weight decay.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], *, betas: tuple[float, float] = (0.9, 0.999)
    ) -> None:
        """Take parameter groups with a `rule`, "muon" (matrices only) or "adamw".

        Args:
            groups: also with `lr` and `weight_decay`.
            betas: AdamW's; Muon's momentum is Nesterov's with 0.95.
        """
        groups = list(groups)
        by_rule = {rule: [g for g in groups if g[RULE] == rule] for rule in ("muon", "adamw")}
        self._parts: dict[str, torch.optim.Optimizer] = {}
        if by_rule["muon"]:
            self._parts["muon"] = torch.optim.Muon(
                by_rule["muon"], momentum=0.95, adjust_lr_fn="match_rms_adamw"
            )
        if by_rule["adamw"]:
            self._parts["adamw"] = torch.optim.AdamW(by_rule["adamw"], betas=betas, fused=True)
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for rule, part in self._parts.items():
            # Each time, because what wraps an optimizer puts new groups and states in it.
            part.param_groups = [group for group in self.param_groups if group[RULE] == rule]
            part.state = self.state
            part.step()
        return loss
