import json

import numpy as np
import pytest

from t2t.data.objectives import random_spans_helper, window_objective
from t2t.data.randomness import keys
from t2t.errors import UserError
from t2t.objective import OBJECTIVES, Objective


class Words:
    """A vocabulary of T5's size whose mode tokens are ids of their own."""

    size = 32100
    num_sentinels = 100
    unknown_id = 2

    def encode(self, text):
        return {"[R]": [50, 51, 52], "[S]": [53], "[X]": [54, 55]}.get(text, [2])


def ready(name, inputs_length=512, targets_length=512, **settings):
    return window_objective(Objective(name, **settings), Words(), inputs_length, targets_length)


def lengths_of(objective, rows=2000):
    raw = np.full(rows, objective.raw_length)
    return objective.denoise.lengths(raw, keys(0, np.arange(rows)))


@pytest.fixture(scope="module")
def goldens(shared):
    return json.loads((shared / "goldens" / "objectives.json").read_text())


@pytest.mark.parametrize(
    ("density", "mean_span", "lengths"),
    [
        (0.15, 2.0, (552, 126)),
        (0.15, 3.0, (568, 114)),
        (0.15, 5.0, (581, 105)),
        (0.15, 10.0, (591, 99)),
        (0.1, 3.0, (548, 74)),
        (0.25, 3.0, (614, 206)),
        (0.5, 3.0, (766, 512)),
    ],
)
def test_raw_lengths_of_512_inputs(density, mean_span, lengths):
    assert random_spans_helper(512, density, mean_span) == lengths


def test_raw_lengths_are_the_references(goldens):
    table = goldens["random_spans_helper"]["rows"]
    assert len(table) == 250
    for inputs_length, density, mean_span, raw_length, targets_length in table:
        found = random_spans_helper(inputs_length, density, mean_span)
        assert found == (raw_length, targets_length)


def test_windows_and_joining_are_the_references(goldens):
    names = {
        "span_2": ready("span_corruption", mean_span=2.0),
        "span_3": ready("span_corruption"),
        "span_5": ready("span_corruption", mean_span=5.0),
        "span_10": ready("span_corruption", mean_span=10.0),
        "iid_10_u_u": ready("iid_replace_spans", noise_density=0.1),
        "iid_15_u_u": ready("iid_replace_spans"),
        "iid_15_d_d": ready("iid_drop_tokens"),
        "iid_15_m_f": ready("mass_style"),
        "prefix_lm": ready("prefix_lm"),
        "all_permute": ready("deshuffling"),
    }
    for density in (0.25, 0.5):
        names[f"iid_{density * 100:.0f}_u_u"] = ready(
            "iid_replace_spans", noise_density=density, sentinel_overflow="reference"
        )
    for name, objective in names.items():
        settings = goldens["objective_settings"][name]
        assert objective.raw_length == settings["raw_segment_tokens"], name
        assert (objective.documents == "joined") == settings["concat_documents"], name
        assert objective.inputs_eos
        assert objective.targets_eos


def test_every_objective_can_be_made_ready():
    for name in OBJECTIVES:
        objective = ready(name)
        found = lengths_of(objective, 50)
        assert (found.inputs + objective.inputs_eos <= 512).all(), name
        assert (found.targets + objective.targets_eos <= 512).all(), name


def test_language_models_have_no_inputs_and_fill_the_targets():
    for name, raw, eos in (("lm", 511, True), ("full_lm", 512, False)):
        objective = ready(name, inputs_length=7)
        assert (objective.raw_length, objective.targets_eos) == (raw, eos)
        assert not objective.inputs_eos
        assert (lengths_of(objective, 5).inputs == 0).all()


def test_full_prefix_lm_divides_whole_windows_without_another_eos():
    objective = ready("full_prefix_lm", 16, 16)
    assert (objective.raw_length, objective.documents) == (16, "joined with EOS")
    assert not objective.inputs_eos
    assert not objective.targets_eos
    rows = 30_000
    found = lengths_of(objective, rows)
    assert (found.inputs + found.targets == 16).all()
    # Prefixes of 1 ... 15 tokens, all equally likely, as the reference draws where it cuts.
    counts = np.bincount(found.inputs, minlength=17)
    assert counts[[0, 16]].tolist() == [0, 0]
    assert np.abs(counts[1:16] / rows - 1 / 15).max() < 4 * np.sqrt(1 / 15 * 14 / 15 / rows)
    with pytest.raises(UserError, match="inputs_length 16 and targets_length 8 must be alike"):
        ready("full_prefix_lm", 16, 8)


def test_ul2_mixes_its_seven_ways_and_every_window_fits():
    objective = ready("ul2")
    rows = 40_000
    found = lengths_of(objective, rows)
    assert (found.inputs + 1).max() <= 512
    assert (found.targets + 1).max() <= 512
    block = np.full(rows, objective.raw_length)
    first = np.zeros(3)
    for number, chosen in objective.denoise._groups(keys(0, np.arange(rows))):
        mode = int(objective.denoise.modes[number][0])
        first[[50, 53, 54].index(mode)] += len(chosen)
    assert np.abs(first / rows - [0.4, 0.2, 0.4]).max() < 0.012
    # The inputs of regular denoising fill the row up to the longest mode token.
    assert (found.inputs + 1).max() >= 510
    assert block[0] == 565


def test_ul2s_mode_tokens_must_be_in_the_vocabulary():
    with pytest.raises(UserError, match=r"mode_tokens: .* no ids for '\[NLU\]'"):
        ready("ul2", mode_tokens=("[NLU]", "[S2S]", "[NLG]"))


def test_more_spans_than_sentinels_are_refused():
    with pytest.raises(UserError, match="has 128 noise spans"):
        ready("span_corruption", noise_density=0.5)
    with pytest.raises(UserError, match="189 noise spans"):
        ready("ul2", inputs_length=1024)
    with pytest.raises(UserError, match=r"with a chance of 1 "):
        ready("iid_replace_spans", noise_density=0.5)
    free = ready("iid_replace_spans", noise_density=0.5, sentinel_overflow="reference")
    assert lengths_of(free).redraws.sum() == 0


def test_windows_that_run_out_of_sentinels_very_rarely_are_drawn_again():
    class Few(Words):
        num_sentinels = 97

    # The chance is just below 1e-6: allowed, and what is drawn never has more.
    objective = window_objective(Objective("iid_replace_spans"), Few(), 512, 192)
    raw = np.full(2000, 511)
    inputs = objective.denoise.lengths(raw, keys(0, np.arange(2000))).inputs
    assert (inputs <= 511).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_objectives_that_write_sentinels_need_them(name):
    class Plain(Words):
        num_sentinels = 0

    without = {"iid_drop_tokens", "deshuffling", "prefix_lm", "lm", "full_lm", "full_prefix_lm"}
    if name in without:
        assert window_objective(Objective(name), Plain(), 512, 512).raw_length >= 511
        return
    with pytest.raises(UserError, match=r"^books: .*sentinel"):
        window_objective(Objective(name), Plain(), 512, 512, where="books")


@pytest.mark.parametrize("name", OBJECTIVES)
def test_lengths_too_short_for_any_text_are_refused(name):
    if name == "full_lm":
        assert ready(name, 1, 1).raw_length == 1
        return
    with pytest.raises(UserError, match="no text fits"):
        ready(name, 1, 1)


def test_ul2s_ways_have_the_laws_that_they_have_alone():
    objective = ready("ul2")
    rows, raw = 60_000, objective.raw_length
    row_keys = keys(5, np.arange(rows))
    for number, chosen in objective.denoise._groups(row_keys):
        way = objective.denoise.denoisers[number]
        lengths = np.full(len(chosen), raw)
        mask = way.mask(lengths, row_keys[chosen]).reshape(len(chosen), raw)
        alone = way.mask(lengths, keys(6, np.arange(len(chosen)))).reshape(len(chosen), raw)
        # The chance of noise at every fiftieth place: which way was drawn says nothing of it.
        ours, theirs = mask[:, ::50].mean(axis=0), alone[:, ::50].mean(axis=0)
        share = np.maximum(np.maximum(ours, theirs), 1 / len(chosen))
        error = np.sqrt(2 * share * (1 - share) / len(chosen))
        assert (np.abs(ours - theirs) <= 5 * error).all(), number


def test_settings_whose_masks_do_not_fill_the_inputs_are_refused_or_mended():
    class Many(Words):
        num_sentinels = 10_000

    def raw_length(density, mean_span, inputs_length=512):
        objective = Objective(noise_density=density, mean_span=mean_span)
        return window_objective(objective, Many(), inputs_length, 512).raw_length

    with pytest.raises(UserError, match="187 inputs of 512 would be filled"):
        raw_length(0.9, 2.0)
    with pytest.raises(UserError, match="more than 64 tokens of text shrink to one"):
        raw_length(0.9999999, 1e9, 64)
    # A span longer than all noise is still a span: its sentinel must fit.
    assert raw_length(0.15, 100.0, 64) == 73
    assert lengths_of(ready("span_corruption", 64, mean_span=100.0), 5).inputs.max() + 1 == 64


def test_mode_tokens_differ():
    with pytest.raises(UserError, match="must be three different texts"):
        ready("ul2", mode_tokens=("[R]", "[R]", "[X]"))


def test_the_chance_that_is_allowed_is_one_in_a_million():
    assert ready("iid_replace_spans", noise_density=0.16).raw_length == 511
    with pytest.raises(UserError, match="chance of 3"):
        ready("iid_replace_spans", noise_density=0.165)
