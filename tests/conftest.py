"""Fixtures that every test may ask for."""

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and reference outputs; tests that need it skip without it."""
    folder = Path(os.environ.get("T2T_SHARED", CHECKOUT.parent / "shared"))
    if not (folder / "goldens").is_dir():
        pytest.skip(f"no reference data at {folder} (set T2T_SHARED to its folder)")
    return folder


@pytest.fixture(scope="session")
def t5_vocabulary_file(shared: Path) -> Path:
    """The real T5 SentencePiece model."""
    return shared / "data" / "t5_vocab" / "spiece.model"
