"""How outputs are made: what is said of it, and what the command line and recipes mean."""

from dataclasses import replace

import pytest

from t2t.errors import UserError
from t2t.evaluation.prediction.decoding import DecodingSettings, beam_settings
from t2t.model.beam_search import BeamSettings
from t2t.sources import MemorySource
from t2t.task import Task

FREE = Task(name="t", source=MemorySource({"test": []}), cast=lambda row: ("", ""))
TASK = replace(FREE, labels=("no", "yes"))


def test_the_way_of_decoding_is_said_in_full() -> None:
    lengths = {"inputs_length": 512, "max_target_length": 128}
    assert DecodingSettings().identity() == {"method": "greedy", **lengths}
    beams = DecodingSettings(beams=beam_settings(4, 0.0)).identity()
    said = {"method": "beam", "beams": 4, "length_penalty": 0.0, "length_penalty_kind": "t5"}
    assert beams == {**said, **lengths}
    assert DecodingSettings(beams=BeamSettings(beams=1)).identity() == DecodingSettings().identity()


def test_beams_of_the_command_line() -> None:
    assert beam_settings(4, None) == BeamSettings(beams=4, length_penalty=0.6)
    assert beam_settings(None, None) is None
    assert DecodingSettings(beams=beam_settings(1, None)).is_greedy
    for beams in (None, 1):
        with pytest.raises(UserError, match="add --beams 4"):
            beam_settings(beams, 0.6)


def test_a_file_is_what_was_asked_for_only_if_it_was_made_so() -> None:
    rank = {"method": "rank", "length_normalized": False}
    asked = DecodingSettings(method="rank")
    assert asked.may_have_made(TASK, rank, None)
    assert asked.may_have_made(TASK, {"method": "greedy"}, None)
    assert not DecodingSettings().may_have_made(TASK, rank, None)
    assert not asked.replaced(length_normalized=True).may_have_made(TASK, rank, None)
    assert not asked.may_have_made(TASK, rank, 0.5)
    adjusted = {**rank, "score_adjust": {"tau": 0.5}}
    assert asked.may_have_made(TASK, adjusted, 0.5)
    assert not asked.may_have_made(TASK, adjusted, None)
    # What is ranked without labels is never adjusted.
    assert asked.may_have_made(FREE, rank, 0.5)
