"""The manual: generated pages are current, and what it names exists."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_generated_pages_are_current():
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_t2t_command_in_the_manual_exists():
    known = set(re.findall(r"^## (t2t .*)$", (ROOT / "docs/commands.md").read_text(), re.M))
    groups = {" ".join(command.split()[:2]) for command in known}
    for page in PAGES:
        for line in re.findall(r"^    (t2t .*)$", page.read_text(), re.M):
            words = line.split()
            assert (
                " ".join(words[:2]) in known
                or " ".join(words[:3]) in known
                or (" ".join(words[:2]) in groups and (len(words) == 2 or words[2] == "#"))
            ), f"{page.name}: {line}"


def test_every_recipe_in_the_manual_is_shipped():
    shipped = {
        path.relative_to(ROOT / "recipes").with_suffix("").as_posix()
        for path in (ROOT / "recipes").rglob("*.yaml")
    }
    for page in PAGES:
        for name in re.findall(r"t2t(?: |\.)(?:train|validate) ([\w/.-]+)", page.read_text()):
            assert name in shipped or name == "RECIPE", f"{page.name}: {name}"
