import pytest

from t2t.casts.wnli import wnli_simple
from t2t.errors import UserError


def made(premise: str, hypothesis: str) -> tuple[str, str]:
    inputs, target = wnli_simple({"sentence1": premise, "sentence2": hypothesis})
    assert inputs.startswith("wsc: ")
    return inputs[len("wsc: ") :], target


@pytest.mark.parametrize(
    ("premise", "hypothesis", "inputs", "target"),
    [
        # Between words, at the start of the hypothesis, at its end.
        ("So that he ran.", "So that the Man ran.", "So that *he* ran.", "the Man"),
        ("Tom fell. He was hurt.", "Tom was hurt.", "Tom fell. *He* was hurt.", "Tom"),
        ("One came. I saw it.", "I saw a bird.", "One came. I saw *it* .", "a bird"),
        # The same where the words before it, or behind it, are elsewhere in the hypothesis.
        ("Ann ran and he fell.", "Bob fell and", "Ann ran and *he* fell.", "Bob"),
        ("I saw it big.", "Big I saw Bob.", "I saw *it* big.", "Bob"),
        # The pronoun whose surroundings are repeated best, not the first one.
        ("He ran. Ann told him so.", "Ann told Bob so.", "He ran. Ann told *him* so.", "Bob"),
        # Of equals the first.
        ("He ran as he ran.", "Bob ran.", "*He* ran as he ran.", "Bob"),
        # No possessive is left, with or without an s.
        ("I saw his dog.", "I saw Bob's dog.", "I saw *his* dog.", "Bob"),
        ("I saw their dog.", "I saw the boys' dog.", "I saw *their* dog.", "the boys"),
        # What is before the last article is no part of the candidate.
        ("Then it broke.", "When Ann sat on the chair broke.", "Then *it* broke.", "the chair"),
        # The hypothesis repeats nothing.
        ("It rained.", "Snow.", "*It* rained.", ""),
    ],
)  # fmt: skip
def test_the_pronoun_is_marked_and_what_is_in_its_place_is_the_target(
    premise, hypothesis, inputs, target
):
    assert made(premise, hypothesis) == (inputs, target)


@pytest.mark.parametrize(
    ("premise", "hypothesis", "reason"),
    [
        ("No pronoun here.", "Nothing.", "sentence1: has no pronoun"),
        ("Ann  she ran.", "Ann ran.", "sentence1: two spaces before the pronoun"),
        ("a (b it c", "a (b x c", "sentence1: its words are no regular expression"),
        # The hypothesis, whose words are compared with single spaces, has two.
        ("it ran off", "a  dog ran off", "sentence2: does not hold the candidate 'a dog'"),
    ],
)
def test_pairs_that_do_not_match_are_refused(premise, hypothesis, reason):
    with pytest.raises(UserError, match=reason.replace("(", r"\(")):
        made(premise, hypothesis)
