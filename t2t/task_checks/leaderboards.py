"""What the exporter of a leaderboard needs of a task that is submitted there."""

from collections.abc import Iterator

from t2t.evaluation.leaderboards.known import SHIPPED
from t2t.leaderboard import LeaderboardFile
from t2t.task_checks.findings import Finding
from t2t.task_checks.subject import Subject


def check_submitted(subject: Subject) -> Iterator[Finding]:
    """Whether the official ids and the labels are those that a leaderboard's file is made of."""
    for leaderboard in SHIPPED:
        for file in leaderboard.files:
            if subject.task.name in file.tasks:
                yield from _file_findings(subject, file)


def _file_findings(subject: Subject, file: LeaderboardFile) -> Iterator[Finding]:
    check = "submission"
    problems = []
    for example in subject.examples:
        try:
            file.layout.id_of(example.idx)
        except ValueError as error:
            problems.append((example, str(error)))
    unknown = [label for label in subject.task.labels if file.labels and label not in file.labels]
    if problems:
        example, reason = problems[0]
        what = f"{file.name} is written by idx, and there is none of its form"
        yield subject.finding(
            "error", check, what, where=example.key, count=len(problems), example=reason
        )
    if unknown:
        what = f"{file.name} has no spelling of the label {', '.join(map(repr, unknown))}"
        yield subject.finding("error", check, what)
    if not problems and not unknown:
        yield subject.finding("ok", check, f"{file.name} can be written of these ids and labels")
