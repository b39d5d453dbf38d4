"""One HTML file from the data: the page's own files inside it, and nothing from elsewhere.

The parts lie in page/: the frame, the style sheet and the scripts, in the order of `SCRIPTS`. A
content security policy lets the page run its own scripts alone and load nothing.
"""

import base64
import hashlib
import html
from importlib import resources

SCRIPTS = ("elements.js", "charts.js", "scores.js", "details.js", "examples.js", "report.js")


def page(title: str, summary: bytes, examples: bytes) -> str:
    """The page.

    Args:
        title: of the document, as plain text.
        summary: gzip of JSON, what is shown first.
        examples: gzip of JSON, the table of examples.
    """
    style = _part("report.css")
    scripts = [_part(name) for name in SCRIPTS]
    filled = {
        "@@POLICY@@": html.escape(_policy(style, scripts)),
        "@@TITLE@@": html.escape(title),
        "@@STYLE@@": f"<style>{style}</style>",
        "@@SUMMARY@@": base64.b64encode(summary).decode("ascii"),
        "@@EXAMPLES@@": base64.b64encode(examples).decode("ascii"),
        "@@SCRIPTS@@": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    text = _part("page.html")
    for mark, content in filled.items():
        text = text.replace(mark, content)
    return text


def frame_size() -> int:
    """Bytes of a page without data."""
    return len(page("", b"", b"").encode("utf-8"))


def _part(name: str) -> str:
    return resources.files(__package__).joinpath("page", name).read_text(encoding="utf-8")


def _policy(style: str, scripts: list[str]) -> str:
    allowed = " ".join(map(_hash, scripts))
    return f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {allowed}"


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
