"""Unsupervised objectives by name, with the settings that each takes; data/denoising.py does them.

The names are those of T5's paper (arXiv:1910.10683, section 3.3 and table 3), and UL2's
(arXiv:2205.05131).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from t2t.errors import UserError, unknown

OBJECTIVES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "span_corruption": {"noise_density": 0.15, "mean_span": 3.0},
        "iid_replace_spans": {"noise_density": 0.15, "sentinel_overflow": "refuse"},
        "iid_drop_tokens": {"noise_density": 0.15},
        "mass_style": {"noise_density": 0.15},
        "bert_style": {"noise_density": 0.15},
        "deshuffling": {},
        "prefix_lm": {},
        "lm": {},
        "full_lm": {},
        "full_prefix_lm": {},
        "ul2": {"mode_tokens": ("[R]", "[S]", "[X]")},
    }
)
"""Every objective with the settings it takes and what they are when not given.

All take `tokens` and `chunk_tokens` besides.
"""


@dataclass(frozen=True, slots=True)
class Objective:
    """How examples are made of documents.

    Settings that are not given are those of `OBJECTIVES`; one that the objective does not take
    is None, and refused where it is given.
    """

    name: str = "span_corruption"
    noise_density: float | None = None
    """Share of the tokens that are corrupted."""
    mean_span: float | None = None
    """Mean length of a corrupted span in tokens."""
    sentinel_overflow: Literal["refuse", "reference"] | None = None
    """What becomes of a window with more spans than there are sentinels: settings where this is
    likely are refused, or ordinary pieces serve as sentinels, as in the reference."""
    mode_tokens: tuple[str, str, str] | None = None
    """UL2's texts before the inputs of R, S and X denoising, turned into ids by the vocabulary."""
    tokens: int | None = None
    """Only the first so many tokens of the documents are used, again and again."""
    chunk_tokens: int | None = None
    """Of a longer document one chunk of so many tokens is used in an epoch (T5: 65,536)."""

    def __post_init__(self) -> None:
        """Fill in what is not given, and refuse settings that no objective can have."""
        if self.name not in OBJECTIVES:
            raise unknown("objective", self.name, OBJECTIVES)
        taken = OBJECTIVES[self.name]
        for setting in ("noise_density", "mean_span", "sentinel_overflow", "mode_tokens"):
            if getattr(self, setting) is None:
                object.__setattr__(self, setting, taken.get(setting))
            elif setting not in taken:
                allowed = ", ".join(taken) or "none"
                raise UserError(f"{setting}: {self.name} has no such setting; it takes: {allowed}")
        self._check_ranges()

    def _check_ranges(self) -> None:
        if self.noise_density is not None and not 0.0 < self.noise_density < 1.0:
            raise UserError(f"noise_density: must be between 0 and 1, is {self.noise_density}")
        if self.mean_span is not None and not 1.0 <= self.mean_span < float("inf"):
            raise UserError(f"mean_span: must be at least 1 token, is {self.mean_span}")
        if self.sentinel_overflow not in (None, "refuse", "reference"):
            raise unknown("sentinel_overflow", self.sentinel_overflow, ("refuse", "reference"))
        if self.mode_tokens is not None and len(self.mode_tokens) != 3:
            raise UserError(f"mode_tokens: must be three texts, is {self.mode_tokens!r}")
        for setting in ("tokens", "chunk_tokens"):
            number = getattr(self, setting)
            if number is not None and number < 1:
                raise UserError(f"{setting}: must be at least 1 token, is {number}")
