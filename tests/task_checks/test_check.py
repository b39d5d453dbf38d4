"""Bad tasks are found, each with a line that says what and where; good ones pass."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from t2t.errors import UserError
from t2t.metrics.answers import squad
from t2t.metrics.classification import accuracy
from t2t.metrics.correlation import pearson_corrcoef
from t2t.metrics.generation import bleu, rouge
from t2t.metrics.sets import set_macro_f1, set_micro_f1
from t2t.registry import Registry
from t2t.row_files import RowFiles
from t2t.sources import MemorySource, OfficialFiles
from t2t.task import Example, Invalid, Task, no_samples
from t2t.task_checks.check import What, check_named, check_task
from t2t.task_checks.findings import Finding
from t2t.task_checks.lengths import Limits
from t2t.task_metrics import answers_metric, class_metric, number_metric, set_metric, stream_metric
from t2t.task_parts import classification, text_task
from t2t.templated import templated
from t2t.templates import Template

ROWS = [
    {"idx": 0, "text": "a fine film", "label": 1},
    {"idx": 1, "text": "we left early", "label": 0},
]
TEXTS = [
    {"idx": 0, "text": "eins", "answer": "one two three four"},
    {"idx": 1, "text": "zwei", "answer": "six seven eight nine"},
]


def sentiment(rows: list[dict[str, Any]] = ROWS, **changes: Any) -> Task:
    made = classification(
        name="sentiment",
        source=OfficialFiles({"train": "none.jsonl"}, read=lambda fields, labelled: []),
        text=lambda row: row["text"],
        labels=("negative", "positive"),
        metrics=(accuracy,),
        samples=lambda: rows,
    )
    return replace(made, **changes)


def translation(rows: list[dict[str, Any]] = TEXTS, **changes: Any) -> Task:
    made = Task(
        name="translation",
        source=OfficialFiles({"train": "none.jsonl"}, read=lambda fields, labelled: []),
        cast=lambda row: (row["text"], row["answer"]),
        label=lambda row: row["answer"],
        metrics=(stream_metric(bleu), answers_metric(rouge)),
        samples=lambda: rows,
    )
    return replace(made, **changes)


def numbers(parse: Callable[[str, Example], Any], count: int = 3) -> Task:
    rows = [{"idx": number, "text": "pair", "label": float(number)} for number in range(count)]
    return Task(
        name="numbers",
        source=MemorySource({"train": rows}),
        cast=lambda row: (f"{row['text']} {row['idx']}", str(row["label"])),
        parse=parse,
        label=lambda row: row["label"],
        metrics=(number_metric(pearson_corrcoef),),
    )


def to_number(output: str, example: Example) -> float | Invalid:
    try:
        return float(output)
    except ValueError:
        return Invalid("no number")


def lines(task: Task, level: str = "error", what: What | None = None) -> list[str]:
    return [finding.line() for finding in check_task(task, what) if finding.level == level]


def in_memory(task: Task, **rows: list[dict[str, Any]]) -> Task:
    return replace(task, source=MemorySource(rows))


@pytest.mark.parametrize("task", [sentiment(), translation(), numbers(to_number)])
def test_good_tasks_pass_without_a_word(task):
    assert lines(task) == lines(task, "warning") == []
    assert len(lines(task, "ok")) > 5


def test_examples_are_shown_as_a_model_sees_them():
    assert "ok       sentiment samples examples: shown; key 0: a fine film -> positive" in lines(
        sentiment(), "ok"
    )


def test_a_wrong_parser_is_found():
    def swapped(output: str, example: Example) -> Any:
        return {"positive": "negative", "negative": "positive"}.get(output, Invalid("none"))

    assert lines(sentiment(parse=swapped)) == [
        "error    sentiment samples round trip: the target is not read as the label (2 of 2); "
        "key 0: 'positive' is read as 'negative', and the label is 'positive'"
    ]


def test_a_parser_that_raises_is_found():
    def raises(output: str, example: Example) -> Any:
        return {"positive": "positive", "negative": "negative"}[output]

    found = lines(sentiment(parse=raises))
    assert (
        "error    sentiment samples garbage: the parser raises on an empty text; key 0: "
        "'': parse raises KeyError: ''"
    ) in found
    assert all("the parser raises on" in line for line in found)

    found = lines(sentiment(parse=lambda output, example: 1 / 0))
    assert found[0].startswith(
        "error    sentiment samples round trip: the parser raises on a gold target (2 of 2); key 0"
    )


def test_garbage_that_is_taken_for_an_answer_is_found():
    def first_letter(output: str, example: Example) -> Any:
        return "positive" if output.startswith("pos") else "negative"

    found = [line.partition("garbage: ")[2] for line in lines(sentiment(parse=first_letter))]
    for kind in (
        "an empty text",
        "a word of no meaning",
        "a very long text",
        "control characters",
        "half a label",
        "a label twice",
        "a label in other case",
    ):
        assert any(line.startswith(f"the parser takes {kind} for an answer") for line in found)


def test_a_parser_that_ignores_case_is_told_and_is_no_error():
    def lenient(output: str, example: Example) -> Any:
        known = output.lower() in ("positive", "negative")
        return output.lower() if known else Invalid("none")

    assert lines(sentiment(parse=lenient)) == []
    assert lines(sentiment(parse=lenient), "warning") == [
        "warning  sentiment samples garbage: the parser takes a label in other case for the "
        "label; key 0: 'NEGATIVE' is read as 'negative'"
    ]


def test_garbage_that_is_taken_for_a_number_is_found():
    def zero(output: str, example: Example) -> float:
        found = to_number(output, example)
        return 0.0 if isinstance(found, Invalid) else found

    assert len(lines(numbers(zero))) == 4
    assert "takes a word of no meaning for an answer; key 0: 'qzxj' is read as 0.0" in "".join(
        lines(numbers(zero))
    )


def test_labels_that_are_alike_are_found():
    assert lines(sentiment(labels=("negative", "Negative", "positive")))[0] == (
        "error    sentiment - label names: labels 'negative' and 'Negative' differ in case alone"
    )
    assert "label 'positive' is there twice" in "".join(
        lines(sentiment(labels=("negative", "positive", "positive")))
    )


def test_labels_that_are_not_declared_or_never_seen_are_found():
    rows = [{"idx": 0, "text": "a", "label": 0}, {"idx": 1, "text": "b", "label": 0}]
    assert any(
        line.startswith("warning  sentiment samples labels: no sample row has the label 'positive'")
        for line in lines(sentiment(rows), "warning")
    )
    made = sentiment(labels=("negative", "neutral"))
    assert (
        "error    sentiment samples labels: label 'positive' is not declared; declared: negative, "
        "neutral; key 0"
    ) in lines(made)


def test_repeated_keys_are_found():
    rows = [*ROWS, {"idx": 1, "text": "again", "label": 0}]
    assert lines(sentiment(rows)) == [
        "error    sentiment samples rows: 1 problem: key '1' twice: every row needs an idx of its "
        "own"
    ]


def test_rows_that_cannot_be_cast_are_found():
    bad = {"label": 0}
    (line,) = lines(sentiment([{"idx": 0, **bad}, ROWS[1], {"idx": 2, **bad}]))
    start = "error    sentiment samples rows: rows cannot be cast: 1 problem: row 0 and 1 more: "
    assert line.startswith(start + __file__)
    assert line.endswith(": KeyError: 'text'")
    assert "ZeroDivisionError" in lines(sentiment(samples=lambda: 1 / 0))[0]


def test_an_idx_that_no_predictions_file_can_hold_is_found():
    (line,) = lines(sentiment([{**ROWS[0], "idx": 1.5}, ROWS[1]]))
    assert "samples ids: a predictions file cannot hold the examples: " in line
    assert "idx: must be an integer, a string or an object of those, is 1.5" in line


def test_a_metric_that_fails_is_found():
    def no_invalid(predictions: Any) -> dict[str, float]:
        return {"length": 100.0 * (sum(len(p.value) for p in predictions) == 16)}

    assert [line.partition(":")[0] for line in lines(sentiment(metrics=(no_invalid,)))] == [
        "error    sentiment samples invalid predictions"
    ] * 2
    (line,) = lines(translation(metrics=(lambda predictions: 1 / 0,)))[:1]
    assert "gold scores: <lambda> fails on the gold outputs: ZeroDivisionError" in line


def test_gold_that_does_not_score_100_is_found():
    def half(predictions: Any) -> dict[str, float]:
        return {"half": 50.0}

    assert lines(sentiment(metrics=(half,))) == [
        "error    sentiment samples gold scores: the gold outputs score 50.00 on half, not 100"
    ]


def test_two_metrics_that_report_one_score_are_found():
    metric = answers_metric(squad)
    (line,) = lines(translation(metrics=(metric, metric)))
    assert "gold outputs cannot be scored by all metrics together: UserError: task trans" in line
    assert "two metrics report a score" in line


def test_a_perplexity_is_no_score_and_is_left_out():
    def perplexity(predictions: Any) -> dict[str, float]:
        return {"perplexity": 37.0}

    assert lines(translation(metrics=(perplexity,))) == []
    assert any(
        "perplexity left out: 100 is not its best" in line
        for line in lines(translation(metrics=(perplexity,)), "ok")
    )


def test_points_for_garbage_are_found():
    def generous(predictions: Any) -> dict[str, float]:
        right = all(p.value in p.example.targets for p in predictions)
        return {"generous": 100.0 if right else 30.0}

    found = lines(translation(metrics=(generous,)))
    assert len(found) == 4
    assert "an empty text scores 30.00 on generous; wrong outputs should be near 0: ''" in found[0]


def always_100(predictions: Any) -> dict[str, float]:
    return {"em": 100.0}


def test_a_metric_that_always_gives_100_is_found():
    found = lines(translation(metrics=(always_100,)))
    assert len(found) == 4
    assert "garbage: an empty text scores 100.00 on em; wrong outputs should" in found[0]
    assert "get no points" not in "".join(lines(translation(metrics=(always_100,)), "ok"))
    (line,) = lines(sentiment(metrics=(always_100,)))
    assert line.endswith("invalid predictions: em is 100 where all predictions are invalid")


@pytest.mark.parametrize(
    ("answer", "kinds"), [([], 3), (["", "the"], 3), ("!", 3), (["Qzxj!"], 3), ("one", 4)]
)
def test_garbage_that_the_label_says_is_right_is_not_scored(answer, kinds):
    """No answer where there is none (SQuAD 2), and what an answer is once normalised."""
    made = translation(
        [{"idx": 0, "text": "who", "answer": answer}],
        cast=lambda row: (row["text"], "no such thing"),
        metrics=(lambda predictions: {"em": 0.0},),
    )
    said = f"garbage: {kinds} kinds of wrong outputs get no points"
    assert any(line.endswith(said) for line in lines(made, "ok"))
    # Were what is right scored, this metric's 100 would be told of it.
    found = [line for line in lines(replace(made, metrics=(always_100,))) if "garbage" in line]
    assert len(found) == kinds


def test_nothing_is_said_of_points_where_nothing_is_scored():
    made = translation(metrics=())
    assert (
        "warning  translation samples gold scores: left out: the task has no metrics"
        in (lines(made, "warning")[0])
    )
    assert any(
        line.endswith("garbage: left out: the task has no metrics") for line in lines(made, "ok")
    )
    counts = translation(metrics=(lambda predictions: {"perplexity": 3.0},))
    assert any("left out: no wrong output is scored" in line for line in lines(counts, "ok"))


def test_texts_too_short_for_bleu_are_told_apart_from_a_wrong_metric():
    rows = [{**row, "answer": row["text"]} for row in TEXTS]
    assert lines(translation(rows)) == []
    bleu_line, rouge_line = lines(translation(rows), "warning")
    assert "the gold outputs score 0.00 on bleu, not 100: no text has 4 words" in bleu_line
    assert "0.00 on rouge2, not 100: ROUGE finds less than 2 words in 'eins'" in rouge_line


def test_a_task_that_asks_for_candidates_has_its_own_rule():
    """The target is a noun whether or not it is right, as in WSC."""

    def parse(output: str, example: Example) -> Any:
        return str(output == example.targets[0]) if output else Invalid("empty")

    rows = [
        {"idx": 0, "text": "who", "noun": "Ann", "label": "True"},
        {"idx": 1, "text": "who", "noun": "Ben", "label": "False"},
    ]
    made = sentiment(
        rows,
        cast=lambda row: (row["text"], row["noun"]),
        train_cast=lambda row: [(row["text"], row["noun"])] * (row["label"] == "True"),
        label=lambda row: row["label"],
        labels=("False", "True"),
        parse=parse,
        metrics=(lambda p: {"right": 100.0 * all(x.value == x.example.label for x in p)},),
    )
    assert lines(made) == lines(made, "warning") == []
    # Were the wrong noun taught, it would be an error.
    taught = replace(made, train_cast=made.cast)
    (line,) = lines(taught)
    assert "the target is not read as the label (1 of 4); key 1: 'Ben' is read as 'True'" in line
    # So would a parser that never says False.
    (line,) = lines(replace(made, parse=lambda o, e: "True" if o else Invalid("empty")))
    assert "no output is read as the label (1 of 3); key 1" in line
    # An empty text names nothing.
    (line,) = lines(replace(made, parse=lambda o, e: str(o == e.targets[0])))
    assert "the parser takes an empty text for an answer" in line


def test_repeats_contradictions_and_leakage_are_counted():
    def rows(*pairs: tuple[str, int]) -> list[dict[str, Any]]:
        return [{"idx": n, "text": text, "label": label} for n, (text, label) in enumerate(pairs)]

    made = in_memory(
        sentiment(),
        train=rows(("a", 0), ("b", 1), ("a", 1), ("b", 1)),
        test=rows(("b", 1), ("c", 0)),
    )
    assert lines(made, "warning", What(splits=("train", "test"))) == [
        "warning  sentiment train repeats: 1 example has the inputs of an earlier one and other "
        "targets; key 2: as key 0: a -> negative, positive",
        "warning  sentiment train repeats: 1 example has the inputs and targets of an earlier "
        "one; key 3: as key 1: b -> positive, positive",
        "warning  sentiment test leakage: 1 example has its inputs in train too; key 0: key 1 of "
        "train",
    ]


def test_counts_are_held_against_the_official_ones_unless_rows_are_left_out():
    made = replace(in_memory(sentiment(), train=ROWS), num_examples={"train": 5})
    what = What(splits=("train",))
    assert lines(made, "warning", what) == [
        "warning  sentiment train count: 2 examples, and the official number is 5"
    ]
    assert "count" not in "".join(lines(made, "warning", replace(what, limit=1)))
    assert any(
        "count: 2 examples, the official number" in line
        for line in lines(replace(made, num_examples={"train": 2}), "ok", what)
    )


class Words:
    """A vocabulary of words."""

    size = 100
    unknown_id = 2

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [[7] * len(text.split()) for text in texts]

    def unknown_parts(self, texts: list[str]) -> list[list[str]]:
        return [["eins"] if "eins" in text else [] for text in texts]


def test_what_is_cut_and_what_is_unknown_is_told():
    limits: Any = Limits(Words(), inputs_length=3, targets_length=4)
    assert lines(translation(), "warning", What(limits=limits)) == [
        "warning  translation samples vocabulary: 50 % of the characters of inputs are unknown to "
        "the vocabulary: 'eins'",
        "warning  translation samples lengths: the targets of 2 examples of 2 are over 4 tokens: "
        "their end is cut off; key 0: 5 tokens lose 1",
    ]
    assert "targets of 5 tokens at the median, 5 at 95 %, 5 at most" in "".join(
        lines(translation(), "ok", What(limits=limits))
    )
    kept = replace(translation(), trimming="keep_last")
    assert "are over 4 tokens: they are cut before their last token; key 0" in "".join(
        lines(kept, "warning", What(limits=limits))
    )
    # A label that is cut is another one.
    limits = Limits(Words(), inputs_length=4, targets_length=1)
    (line,) = lines(sentiment(), "error", What(limits=limits))
    assert "the targets of 2 examples of 2 are over 1 tokens" in line


def test_a_corpus_is_its_documents(tmp_path):
    from t2t.documents import TextSource

    (tmp_path / "a.txt").write_text("first\n\nsecond\n")
    made = text_task("corpus", TextSource(files=("a.txt",)))
    found = list(check_task(made, What(data_dir=tmp_path)))
    assert [f.level for f in found] == ["ok"] * len(found)
    assert [f.example for f in found if f.check == "examples"] == ["first", "second"]


def registry(*tasks: Task) -> Registry:
    made = Registry()
    for task in tasks:
        made.add(task, "here")
    return made


def named(name: str, made: Registry, what: What | None = None) -> list[Finding]:
    return list(check_named(name, made, what or What()))


def test_all_are_checked_one_after_the_other_with_what_was_not_loaded():
    made = registry(sentiment(), translation())
    made.problems.append("plugin.py:3: broken")
    found = named("all", made)
    assert found[0].what == "plugin.py:3: broken"
    assert found[0].level == "error"
    assert list(dict.fromkeys(f.task for f in found)) == ["-", "sentiment", "translation"]
    assert {f.task for f in named("sentiment", made)} == {"sentiment"}


def test_names_splits_and_files_that_are_not_there_are_the_users_mistake(tmp_path):
    made = registry(sentiment())
    with pytest.raises(UserError, match="unknown task or mixture 'sentimant'; did you mean"):
        named("sentimant", made)
    with pytest.raises(UserError, match="unknown split 'trian'; did you mean 'train'"):
        named("sentiment", made, What(splits=("trian",)))
    with pytest.raises(UserError, match="has no file of any split"):
        named("sentiment", made, What(data_dir=tmp_path))
    with pytest.raises(UserError, match="no sample rows"):
        named("sentiment", registry(replace(sentiment(), samples=no_samples)))


def test_tasks_without_rows_are_named_when_all_are_checked():
    bare = replace(sentiment(), samples=no_samples)
    found = named("all", registry(bare, translation()))
    (line,) = [f.line() for f in found if f.task == "sentiment"]
    assert line.startswith("warning  sentiment - rows: there are no sample rows")


def test_the_folder_of_the_data_decides_what_is_read(tmp_path: Path):
    made = in_memory(sentiment(), train=ROWS)
    assert {f.split for f in check_task(made, What(data_dir=tmp_path))} == {"-", "train"} - {"-"}


def test_an_idx_that_json_changes_is_found():
    (line,) = lines(sentiment([{**ROWS[0], "idx": {1: 5}}, ROWS[1]]))
    assert line.endswith(
        "ids: idx, label or prediction is another one when read back from a predictions file; "
        "key 5: idx {1: 5}, label 'positive'"
    )


def test_what_a_leaderboard_cannot_be_sent_is_found():
    ids = [{"text": "a", "label": n, "idx": {"paragraph": n, "question": n}} for n in range(2)]
    named_so = {"labels": ("False", "True"), "label": lambda row: str(bool(row["label"]))}
    made = sentiment(ids, name="super_glue_multirc", **named_so)
    (line,) = [line for line in lines(made) if "submission" in line]
    assert "MultiRC.jsonl is written by idx, and there is none of its form; key 0/0: idx" in line
    whole = [{**row, "idx": {**row["idx"], "answer": 0}} for row in ids]
    assert "submission: MultiRC.jsonl can be written" in "".join(
        lines(sentiment(whole, name="super_glue_multirc", **named_so), "ok")
    )
    assert "MultiRC.jsonl has no spelling of the label 'negative', 'positive'" in "".join(
        lines(sentiment(whole, name="super_glue_multirc"))
    )


def test_texts_that_are_empty_are_told():
    rows = [{**ROWS[0], "text": " "}, ROWS[1]]
    assert lines(sentiment(rows), "warning") == [
        "warning  sentiment samples examples: 1 example without any inputs; key 0"
    ]


def test_what_just_fits_and_what_has_no_label_is_not_over_a_limit():
    limits: Any = Limits(Words(), inputs_length=2, targets_length=5)
    assert (
        lines(translation(), "warning", What(limits=replace(limits, inputs_length=None)))[1:] == []
    )
    rows = [*ROWS, {"idx": 2, "text": "a new one", "label": -1}]
    one_token: Any = Limits(Words(), targets_length=2)
    said = "targets of 2 tokens at the median, 2 at 95 %, 2 at most"
    (found,) = [f for f in check_task(sentiment(rows), What(limits=one_token)) if said in f.what]
    assert found.count == 2


def test_values_that_mean_the_label_are_right_though_they_are_not_equal():
    def close(output: str, example: Example) -> Any:
        value = to_number(output, example)
        return value if isinstance(value, Invalid) else value + 1e-9

    assert lines(numbers(close)) == []
    tags = [{"idx": n, "text": f"t{n}", "tags": [f"b{n}", f"a{n}"]} for n in range(3)]
    of_sets = translation(
        tags,
        cast=lambda row: (row["text"], ", ".join(sorted(row["tags"]))),
        label=lambda row: row["tags"],
        parse=lambda output, example: output.split(", ") if output else Invalid("empty"),
        metrics=(set_metric(set_micro_f1),),
    )
    assert lines(of_sets) == []
    macro = replace(
        of_sets, metrics=(set_metric(set_macro_f1(("a0", "a1", "a2", "b0", "b1", "b2"))),)
    )
    assert lines(macro) == []
    # SQuAD's scores take no notice of case.
    answers = translation(
        label=lambda row: [row["answer"].upper()], metrics=(answers_metric(squad),)
    )
    assert lines(answers) == []


def test_a_metric_may_need_more_rows_than_there_are():
    def pairs(predictions: Any) -> dict[str, float]:
        if len(predictions) % 2:
            raise UserError("pairs are needed")
        return {"pairs": 100.0}

    made = in_memory(translation(), train=[*TEXTS, {"idx": 2, "text": "drei", "answer": "ten"}])
    made = replace(made, metrics=(pairs, answers_metric(squad)))
    first = What(splits=("train",), limit=1)
    assert (
        "gold scores: pairs fails on the gold outputs: UserError"
        in lines(made, "warning", first)[0]
    )
    assert (
        "gold scores: pairs fails on the gold outputs"
        in lines(made, "error", What(splits=("train",)))[0]
    )


def test_outputs_chosen_among_choices_of_each_example_are_spoilt_by_them():
    rows = [
        {"idx": 0, "text": "It is cold.", "choices": ["wear a coat", "swim"], "label": 0},
        {"idx": 1, "text": "It is hot.", "choices": ["wear a coat", "swim"], "label": 1},
    ]
    made = sentiment(
        rows,
        labels=("first", "second"),
        cast=lambda row: (row["text"], row["choices"][row["label"]]),
        label=lambda row: ("first", "second")[row["label"]],
        choices=lambda row: tuple(row["choices"]),
        metrics=(class_metric(accuracy, ("first", "second")),),
    )

    def strict(output: str, example: Example) -> Any:
        known = dict(zip(example.choices, made.labels, strict=True))
        return known.get(output, Invalid("none"))

    def by_its_beginning(output: str, example: Example) -> Any:
        return "first" if output.startswith("wear") else strict(output, example)

    assert lines(replace(made, parse=strict)) == []
    found = "".join(lines(replace(made, parse=by_its_beginning)))
    assert "takes half a label for an answer; key 0: 'wear ' is read as 'first'" in found


def test_files_that_a_task_names_and_that_are_nowhere_are_found(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"text": "a", "label": 1}\n{"text": "b", "label": 0}\n')
    files = {"train": "train.jsonl", "validation": "vall.jsonl"}
    task = sentiment(source=RowFiles(files, tmp_path), samples=no_samples)
    (line,) = lines(task)
    assert line.startswith("error    sentiment validation files: vall.jsonl: no such file")
    worded = templated(task, [Template("a", "{text}", answer_choices=("no", "yes"))])
    assert [found.split()[2] for found in lines(worded)] == ["validation"]
    assert any("sentiment_templates train examples: shown" in line for line in lines(worded, "ok"))


@pytest.mark.parametrize(
    ("templates", "said"),
    [
        ("a: {inputs: 'Text: {text}', targets: '{target}'}", "1 of words.yaml fit the first rows"),
        ("a: {inputs: 'Text: {txet}', targets: '{target}'}", "txet"),
        ("a: {inputs: '{text}', targets: '{target}', answer_choices: [one]}", "answer_choices: 1"),
        ("a: {imputs: '{text}'}", "imputs"),
    ],
)
def test_the_templates_that_a_task_names_are_tried(tmp_path, templates, said):
    path = tmp_path / "words.yaml"
    path.write_text(f"{templates}\n")
    found = [f for f in check_task(sentiment(templates=path)) if f.check == "templates"]
    (finding,) = found
    assert finding.level == ("ok" if "fit" in said else "error")
    assert said in f"{finding.what} {finding.example}"
    assert not [f for f in check_task(sentiment()) if f.check == "templates"]
