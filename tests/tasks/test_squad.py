"""SQuAD's and TriviaQA's tasks against the reference, and their readers."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.sources import MemorySource
from t2t.task_loading import load_tasks

REGISTRY = load_tasks()
SAMPLES = list(REGISTRY.task("squad").samples())


def write_squad(folder: Path, questions: list[dict], name: str = "dev-v1.1.json") -> None:
    """An official file with one paragraph a question."""
    paragraphs = [
        {
            "context": row["context"],
            "qas": [
                {
                    "id": row["id"],
                    "question": row["question"],
                    "answers": [
                        {"text": text, "answer_start": start}
                        for text, start in zip(
                            row["answers"]["text"], row["answers"]["answer_start"], strict=True
                        )
                    ],
                }
            ],
        }
        for row in questions
    ]
    (folder / "squad").mkdir(exist_ok=True)
    document = {"version": "1.1", "data": [{"title": "T", "paragraphs": paragraphs}]}
    (folder / "squad" / name).write_text(json.dumps(document, ensure_ascii=False))


def test_every_golden_row_comes_out_as_in_the_reference(shared, tmp_path):
    lines = (shared / "goldens" / "squad.jsonl").read_text(encoding="utf-8").split("\n")
    goldens = [json.loads(line) for line in lines if line]
    assert len(goldens) == 30
    for golden in goldens:
        write_squad(tmp_path, [golden["raw"]])
        form = "_context_free" if golden["task"] == "squad_context_free" else ""
        task = REGISTRY.task(f"squad{form}")
        (row,) = task.cast_rows("validation", tmp_path)
        assert (row.key, row.inputs, row.targets) == (
            golden["idx"],
            golden["inputs"],
            golden["targets"],
        )
        (example,) = task.examples("validation", tmp_path)
        assert example.label == golden["answers"]


def test_a_file_row_is_the_hubs_row(tmp_path, monkeypatch):
    import datasets

    hub_rows = [{**row, "id": row["idx"], "title": "T"} for row in SAMPLES]
    write_squad(tmp_path, hub_rows, "train-v1.1.json")
    rows = REGISTRY.task("squad").rows("train", tmp_path)
    assert rows == [{**row, "title": "T"} for row in SAMPLES]
    data = datasets.Dataset.from_list(hub_rows)
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **more: data)
    assert list(REGISTRY.task("squad").rows("train", None)) == rows


def test_a_bad_question_is_refused_with_its_place(tmp_path):
    hub_rows = [{**row, "id": row["idx"]} for row in SAMPLES]
    hub_rows[1]["question"] = 5
    hub_rows[2]["answers"] = {"text": [], "answer_start": []}
    write_squad(tmp_path, hub_rows)
    with pytest.raises(UserError) as refused:
        REGISTRY.task("squad").rows("validation", tmp_path)
    assert "dev-v1.1.json: data[0]: paragraphs[1].qas[0].question: must be a string" in str(
        refused.value
    )
    assert "paragraphs[2].qas[0].answers: an empty list" in str(refused.value)


def scores(name: str, outputs: list[str]) -> dict[str, float]:
    task = REGISTRY.task(name)
    in_memory = replace(task, source=MemorySource({"validation": list(task.samples())}))
    examples = in_memory.examples("validation", None)
    return task.score([task.prediction(*pair) for pair in zip(examples, outputs, strict=True)])


def test_any_answer_counts_but_in_the_form_with_the_first_alone():
    outputs = ["varn bridge", "Ida Lindqvist", "212", "three"]
    assert scores("squad", outputs)["em"] == 75
    assert scores("squad_v010_context_free", outputs)["em"] == 75
    # "the" is dropped from both sides.
    assert scores("squad_v010", outputs)["em"] == 50


def test_places_are_scored_as_the_words_they_name():
    found = scores("squad_span", ["start: 0 end: 2", "Ida Lindqvist", "start: 6 end: 6"])
    assert found["em"] == pytest.approx(100 / 3)
    assert found["f1"] == pytest.approx((1 + 0 + 2 / 3) / 3 * 100)


def write_trivia(folder: Path, answers: bool = True) -> list[dict]:
    rows = list(REGISTRY.task("trivia_qa").samples())
    data = folder / "trivia_qa"
    for part, kind, field, inner in (
        ("web", "SearchResults", "search_results", "search_context"),
        ("wikipedia", "EntityPages", "entity_pages", "wiki_context"),
    ):
        (data / "evidence" / part).mkdir(parents=True)
        (data / "qa").mkdir(exist_ok=True)
        row = rows[0] if part == "wikipedia" else rows[1]
        documents = [{"Filename": "absent.txt"}, {"Title": "no file"}]
        for number, text in enumerate(row[field][inner]):
            (data / "evidence" / part / f"{number}.txt").write_text(f" {text}\n", encoding="utf-8")
            documents.append({"Filename": f"{number}.txt"})
        question = {
            "Question": f"{row['question']} ",
            "QuestionId": row["question_id"],
            "Answer": {
                "Aliases": row["answer"]["aliases"],
                "NormalizedAliases": row["answer"]["normalized_aliases"],
            },
            kind: documents,
        }
        if not answers:
            del question["Answer"]
        for ending in ("train", "test-without-answers"):
            path = data / "qa" / f"{part}-{ending}.json"
            path.write_text(json.dumps({"Data": [question]}, ensure_ascii=False))
    return rows


def test_trivia_qa_is_read_with_its_documents(tmp_path, monkeypatch):
    import datasets

    samples = write_trivia(tmp_path)
    rows = REGISTRY.task("trivia_qa").rows("train", tmp_path)
    web, wikipedia = rows
    assert web == samples[1]
    assert wikipedia == {**samples[0], "search_results": {"search_context": []}}
    more = {"question_source": "s"}
    hub = [{**row, **more, "answer": {**row["answer"], "value": "v"}} for row in rows]
    monkeypatch.setattr(
        datasets, "load_dataset", lambda *args, **more: datasets.Dataset.from_list(hub)
    )
    assert list(REGISTRY.task("trivia_qa").rows("train", None)) == rows
    pairs = list(REGISTRY.task("trivia_qa").cast_rows("train", tmp_path))
    assert [pair.targets for pair in pairs] == ["petra solberg", "quiet sea"]


def test_trivia_qa_without_answers_has_no_label(tmp_path):
    write_trivia(tmp_path, answers=False)
    task = REGISTRY.task("trivia_qa")
    assert [task.label(row) for row in task.rows("test", tmp_path)] == [None, None]
    with pytest.raises(UserError, match=r"web-train\.json: Data\[0\]: Answer: missing"):
        task.rows("train", tmp_path)


def test_trivia_qa_says_where_its_documents_are_looked_for(tmp_path):
    write_trivia(tmp_path)
    (tmp_path / "trivia_qa" / "evidence").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"trivia_qa/evidence/web: no such folder"):
        REGISTRY.task("trivia_qa").rows("train", tmp_path)
