from pathlib import Path

import pytest

from t2t.errors import UserError
from t2t.templates import Template, options_of, read_templates

ROW = {"premise": "It rains.", "n": 3, "choices": {"text": ["a cat", "a dog"]}, "list": ["x"]}


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_gives_its_templates_in_their_order(tmp_path):
    path = written(
        tmp_path,
        "first:\n  inputs: '{premise} {{n}} {options}'\n  answer_choices: ['yes', 'no']\n"
        "second:\n  inputs: '{choices.text.1}?'\n  targets: '{premise}'\n  training_only: true\n"
        "third:\n  inputs: '{n}'\n  answer_choices: '{choices.text}'\n",
    )
    first, second, third = read_templates(path)
    assert [t.name for t in (first, second, third)] == ["first", "second", "third"]
    assert first.texts(ROW, "", "yes") == ("It rains. {n} OPTIONS:\n- yes\n- no", "yes")
    assert second.texts(ROW, "", "right") == ("a dog?", "It rains.")
    assert third.choices(ROW) == ("a cat", "a dog")
    assert str(second) == f"{path}:4: template 'second'"


def test_inputs_and_target_are_those_of_the_task():
    template = Template("t", "{inputs} Answer:")
    assert template.texts(ROW, "rte premise: x", "entailment") == (
        "rte premise: x Answer:",
        "entailment",
    )


def test_choices_stand_in_the_targets():
    template = Template("t", "{premise}", "It is {target}.", ("wet", "dry"))
    assert template.choices(ROW) == ("It is wet.", "It is dry.")


def test_values_of_rows_are_no_templates():
    row = {"premise": "{n} {0.__class__}", "n": 1}
    assert Template("t", "{premise}").texts(row, "", "")[0] == "{n} {0.__class__}"


def test_options_are_flans():
    assert options_of(["a", "b"]) == "OPTIONS:\n- a\n- b"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            Template("t", "{premis}", place="f:1"),
            "f:1: template 't': field premis: missing; there is 'premise'",
        ),
        (Template("t", "{options}"), "field options: missing"),
        (Template("t", "{choices.txt}"), "field choices.txt: missing; there is 'text'"),
        (Template("t", "{list}"), "must be text or a number, is a list"),
        (Template("t", "x", answer_choices="{premise}"), "must be a list of strings, is str"),
        (Template("t", "x", answer_choices="{nothing}"), "answer_choices: field nothing: missing"),
    ],
)
def test_a_field_that_is_not_there_is_named(template, message):
    with pytest.raises(UserError) as error:
        template.texts(ROW, "", "")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t: {inputs: '{a'}", "mine.yaml:1: template 't': inputs: a lone {"),
        ("t: {inputs: '{a.__class__()}'}", "only the name of a field"),
        ("t: {inputs: '{a:>3}'}", "only the name of a field"),
        ("t: {targets: x}", "mine.yaml:1: template 't': inputs: missing"),
        ("t: {inputs: x, target: y}", "unknown key 'target'; did you mean 'targets'?"),
        ("t: {inputs: x, answer_choices: [yes, no]}", "is True: put it between quotation marks"),
        ("t: {inputs: x, answer_choices: yes}", "must be a list of texts, or one {field}"),
        ("t: {inputs: x, training_only: 3}", "training_only: must be true or false"),
        ("t: x", "must have inputs"),
        ("t: {inputs: x}\nt: {inputs: y}", "already given"),
        ("{}", "no templates"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, message):
    with pytest.raises(UserError) as error:
        read_templates(written(tmp_path, text))
    assert message in str(error.value)


def test_all_problems_are_said_at_once(tmp_path):
    path = written(tmp_path, "a: {inputs: '{'}\nb: {targets: '}', inputs: 3}\n")
    with pytest.raises(UserError, match="3 problems"):
        read_templates(path)
