"""Text-to-text multitask training."""

from pathlib import Path

# A wheel carries tasks/ and recipes/ inside this package; in a checkout they are its siblings.
if not (Path(__file__).parent / "tasks" / "__init__.py").is_file():
    __path__.append(str(Path(__file__).resolve().parents[1]))
