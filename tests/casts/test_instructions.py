import pytest

from t2t.casts.instructions import instruction, instruction_outputs
from t2t.errors import UserError

ROW = {
    "definition": " Say whether it is a fruit. ",
    "positive": [
        {"input": "apple", "output": "yes", "explanation": "It grows on trees"},
        {"input": "a stone!", "output": "no.", "explanation": ""},
        {"input": "pear", "output": "yes", "explanation": "Sweet"},
    ],
    "negative": [{"input": "plum", "output": "blue", "explanation": "Not asked"}],
    "input": "kiwi",
    "output": ["yes", "Yes"],
}


def test_the_prompt_is_tk_instructs():
    inputs, targets = instruction(ROW)
    assert inputs == (
        "Definition: Say whether it is a fruit.\n\n"
        " Positive Example 1 -\nInput: apple.\n Output: yes.\n\n"
        " Positive Example 2 -\nInput: a stone!\n Output: no.\n\n"
        "Now complete the following example -\nInput: kiwi.\nOutput: "
    )
    assert targets == "yes"
    assert instruction_outputs(ROW) == ["yes", "Yes"]


def test_negative_examples_and_explanations():
    inputs, _ = instruction(ROW, positive=1, negative=5, explained=True)
    assert " Output: yes.\n Explanation: It grows on trees.\n\n Negative Example 1 -\n" in inputs
    assert " Output: blue.\n Explanation: Not asked.\n\nNow complete" in inputs
    assert "Positive Example 2" not in inputs


def test_the_definition_alone():
    assert instruction(ROW, positive=0)[0].count("Example") == 0


def test_an_instance_without_an_output():
    assert instruction({**ROW, "output": []})[1] == "<unk>"
    assert instruction_outputs({**ROW, "output": []}) is None
    with pytest.raises(UserError, match="definition: missing"):
        instruction({})
