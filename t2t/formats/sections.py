"""YAML checked against typed sections, with every problem named by its place."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from t2t.errors import closest, refuse
from t2t.formats.yaml_document import Document, Key

AnySection = TypeVar("AnySection", bound=BaseModel)


def read_section(kind: type[AnySection], document: Document, heading: str) -> AnySection:
    """A document's values as a section.

    Args:
        kind: the outermost section.
        document: its values and their places.
        heading: in front of the list of problems.

    Raises:
        UserError: every problem, as `place: key: reason`.
    """
    try:
        return kind.model_validate(document.values)
    except ValidationError as error:
        problems = [_describe(kind, document, detail) for detail in _telling(error.errors())]
        refuse(list(dict.fromkeys(problems)), heading)
        raise


def _telling(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without "should be a list" where a mapping is allowed too and the fault is in that."""

    def inside_another_branch(branch: Key) -> bool:
        parent = branch[:-1]
        return any(
            detail["loc"][: len(parent)] == parent and len(detail["loc"]) > len(branch)
            for detail in details
        )

    return [
        detail
        for detail in details
        if not ("[" in str(detail["loc"][-1:]) and inside_another_branch(detail["loc"]))
    ]


def _describe(root: type[BaseModel], document: Document, detail: ErrorDetails) -> str:
    """One problem as `place: key: reason`."""
    # Without the names of union branches, which pydantic mixes into the location.
    location = document.existing(detail["loc"])
    key = ".".join(str(part) for part in location)
    return ": ".join(
        part for part in (document.place(location), key, _reason(root, detail, location)) if part
    )


def _reason(root: type[BaseModel], detail: ErrorDetails, location: Key) -> str:
    if detail["type"] == "extra_forbidden":
        known = _section_keys(root, location[:-1])
        near = closest(str(location[-1]), known)
        suggestion = f"; did you mean {near!r}?" if near else "."
        return f"unknown key{suggestion} Known: {', '.join(known)}"
    if detail["type"] == "missing":
        return "is missing, and has no default"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("model_type", "dict_type"):
        message = "Input should be a section: a mapping of keys to values"
    if detail["type"] == "list_type":
        message = "Input should be a list, such as [a, b]"
    if isinstance(detail["input"], dict) and detail["type"] == "value_error":
        # The message says which of the section's settings it is.
        return message
    return f"{message} (got {detail['input']!r})"


def _section_keys(root: type[BaseModel], path: Key) -> list[str]:
    """The keys that the section at `path` knows."""
    section = root
    for part in path:
        field = section.model_fields.get(str(part))
        if field is None:
            break
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        section = next(k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel))
    return list(section.model_fields)
