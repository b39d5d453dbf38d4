"""The page as people meet it: opened from disk in a real browser."""

import json
import shutil
from pathlib import Path

import chromium
import pytest

from t2t.evaluation.report.report import write_report

HOSTILE = "</script><img src=x onerror=\"document.title='broken'\"><b>bold</b> & <!--"
ROWS = "document.querySelectorAll('#examples-table tbody tr.example').length"
FOUND = "document.getElementById('found').textContent"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CONTRASTS = """
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const channels = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const kinds = ['p', 'h1', 'h2', 'th', 'td', 'a', 'button', 'figcaption', '.under', '.verdict',
    'label', 'summary', 'dt'];
  return kinds.flatMap((kind) => [...document.querySelectorAll(kind)].slice(0, 40).map((node) => {
    const both = [light(channels(getComputedStyle(node).color)), light(behind(node))];
    const [a, b] = both.sort((x, y) => y - x);
    return [kind, (a + 0.05) / (b + 0.05)];
  }));
})()
"""


def choose(page: chromium.Page, selector: str, value: str) -> None:
    page.evaluate(
        f"{{ const field = document.querySelector({json.dumps(selector)});"
        f"field.value = {json.dumps(value)}; field.dispatchEvent(new Event('change')) }}"
    )


def cells(page: chromium.Page, table: str) -> list[list[str]]:
    return page.evaluate(
        f"[...document.querySelectorAll('{table} tr')].map(row => "
        "[...row.cells].map(cell => cell.innerText.trim()))"
    )


def test_it_shows_everything_without_a_complaint_and_asks_for_nothing(page, sweep_report):
    page.open(sweep_report)
    assert page.evaluate("document.title") == "t2t: a, b"
    shown = page.evaluate("[...document.querySelectorAll('section')].map(part => part.id)")
    parts = ["scores", "curves", "classes", "invalid", "examples", "lengths", "settings"]
    assert shown == parts
    linked = "[...document.querySelectorAll('nav a')].map(a => a.hash.slice(1))"
    assert page.evaluate(linked) == parts
    tables = "[...document.querySelectorAll('table')].map(table => table.rows.length)"
    assert min(page.evaluate(tables)) > 1
    lines = "[...document.querySelectorAll('svg path.series')].map(line => line.getTotalLength())"
    # Loss, learning rate, two tasks' losses and one curve of scores, of the run that trained.
    assert len(page.evaluate(lines)) == 5
    assert min(page.evaluate(lines)) > 50
    assert page.complaints() == []
    assert page.requests() == [sweep_report.as_uri()]


def test_scores_stand_beside_the_majority_and_the_other_run(page, sweep_report):
    page.open(sweep_report)
    header, rte, _ = cells(page, "#scores-table")
    assert header == ["Task", "a", "b", "Majority"]
    assert rte[0].split("\n") == ["super_glue_rte", "validation, 121 examples"]
    assert rte[1].split()[:6] == ["74.4", "accuracy", "30", "wrong", "1", "invalid"]
    # There is no record of how these predictions came about.
    assert "the official split has 277" in rte[1]
    assert rte[2].startswith("24.8")
    assert rte[3].split() == ["50.4", "entailment"]
    best = page.evaluate("[...document.querySelectorAll('.best')].map(node => node.innerText)")
    assert best == ["74.4"]


def test_the_scores_can_be_copied_as_markdown(page, sweep_report):
    page.open(sweep_report)
    table = page.evaluate("document.getElementById('markdown').textContent").splitlines()
    assert table[0] == "| task | split | examples | a | b | majority |"
    assert table[2] == "| super_glue_rte | validation | 121 | 74.4 | 24.8 | 50.4 |"


def test_the_best_step_is_marked(page, sweep_report):
    page.open(sweep_report)
    told = page.evaluate("[...document.querySelectorAll('figcaption')].map(n => n.innerText)")
    assert told[-1] == "best 70 at step 10"
    big = (
        "[...document.querySelectorAll('circle.dot')].filter(dot => dot.getAttribute('r') === '5')"
    )
    assert page.evaluate(f"{big}.length") == 1


def test_a_run_that_has_not_finished_says_how_far_it_is(page, sweep_report):
    page.open(sweep_report)
    told = page.evaluate("document.getElementById('unfinished').innerText")
    assert told == "Not finished: a is at step 20 of 40."


def test_a_curve_is_read_with_the_keyboard(page, sweep_report):
    page.open(sweep_report)
    page.evaluate("document.querySelector('svg.chart').focus()")
    page.press("Home")
    assert page.evaluate("document.querySelector('figcaption').innerText") == "step 1: 2"
    page.press("ArrowRight")
    assert page.evaluate("document.querySelector('figcaption').innerText") == "step 2: 1"


def test_classes_and_their_confusions(page, sweep_report):
    page.open(sweep_report)
    assert cells(page, "#confusion-table")[1:] == [
        ["entailment", "30", "30", "1"],
        ["not_entailment", "0", "60", "0"],
    ]
    assert cells(page, "#classes-table")[1] == ["entailment", "100.0", "49.2", "65.9", "61", "30"]
    choose(page, "#classes-run", "1")
    assert cells(page, "#confusion-table")[2] == ["not_entailment", "60", "0", "0"]


def test_typing_into_the_search_narrows_the_rows(page, sweep_report):
    page.open(sweep_report)
    assert page.evaluate(ROWS) == 50
    page.type("#search", "rained 11")
    page.wait(f"{FOUND} === '11 examples of 122'")
    assert page.evaluate(ROWS) == 11
    inputs = page.evaluate("[...document.querySelectorAll('tr.example')].map(r => r.innerText)")
    assert all("rained 11" in text for text in inputs)
    assert page.evaluate("document.querySelector('mark').innerText") == "rained 11"


def test_a_search_finds_words_across_fields_whatever_their_case(page, sweep_report):
    page.open(sweep_report)
    page.type("#search", "7 TIMES. Premise: it")
    page.wait(f"{FOUND} === '12 examples of 122'")


def test_filters_by_task_and_verdict(page, sweep_report):
    page.open(sweep_report)
    choose(page, "#filter-verdict", "1")
    assert page.evaluate(FOUND) == "30 examples of 122"
    verdicts = "[...document.querySelectorAll('.verdict')].map(node => node.innerText)"
    assert set(page.evaluate(verdicts)) == {"wrong"}
    choose(page, "#filter-task", "super_glue_boolq.test")
    assert page.evaluate(FOUND) == "0 examples of 122"
    choose(page, "#filter-verdict", "")
    assert page.evaluate(FOUND) == "1 example of 122"
    assert page.evaluate(verdicts) == ["no verdict"]


def test_another_run_stands_beside(page, sweep_report):
    page.open(sweep_report)
    choose(page, "#filter-other", "1")
    assert cells(page, "#examples-table")[0][3:] == ["Output of a", "Output of b"]
    choose(page, "#filter-verdict", "differs")
    # All but the hostile one, which both have wrong.
    assert page.evaluate(FOUND) == "120 examples of 122"


def test_counts_of_errors_lead_to_the_errors(page, sweep_report):
    page.open(sweep_report)
    page.evaluate("[...document.querySelectorAll('#scores-table button')].at(-2).click()")
    assert page.evaluate(FOUND) == "90 examples of 122"
    assert page.evaluate("document.getElementById('filter-run').value") == "1"
    assert page.evaluate("document.getElementById('filter-verdict').value") == "1"


def test_pages_of_examples_are_turned(page, sweep_report):
    page.open(sweep_report)
    first = "document.querySelector('tr.example').innerText"
    before = page.evaluate(first)
    assert page.evaluate("document.getElementById('previous-page').disabled") is True
    page.evaluate("document.getElementById('next-page').click()")
    page.evaluate("document.getElementById('next-page').click()")
    assert page.evaluate("document.getElementById('page-number').innerText") == "page 3 of 3"
    assert page.evaluate(ROWS) == 22
    assert page.evaluate("document.getElementById('next-page').disabled") is True
    assert page.evaluate(first) != before


def test_an_example_opens_with_the_keyboard(page, sweep_report):
    page.open(sweep_report)
    choose(page, "#filter-task", "super_glue_rte.validation")
    page.evaluate("document.querySelectorAll('tr.example button')[1].focus()")
    page.press("Enter")
    text = page.evaluate("document.querySelector('tr.full').innerText")
    assert "rte hypothesis: It rained 0 times. premise: It rained." in text
    assert "entailment: -0.250\nnot_entailment: -1.500" in text
    assert "9 of the input, 2 of the output" in text
    page.press("Enter")
    assert page.evaluate("document.querySelector('tr.full')") is None


def test_hostile_text_stays_text(page, sweep_report):
    page.open(sweep_report)
    choose(page, "#filter-verdict", "2")
    assert page.evaluate(FOUND) == "1 example of 122"
    shown = page.evaluate("document.querySelector('tr.example').innerText")
    assert shown.count(HOSTILE) == 2
    assert HOSTILE in page.evaluate("document.getElementById('invalid-table').innerText")
    assert page.evaluate("document.querySelectorAll('main img, main b').length") == 0
    assert page.evaluate("document.title") == "t2t: a, b"
    assert page.complaints() == []


def test_a_hostile_name_of_a_folder_stays_text(page, tmp_path, write, registry):
    folder = tmp_path / "<img src=x onerror=alert(1)>&amp;"
    write(folder, "super_glue_rte", [("it rained", "entailment", "entailment")])
    written = write_report([folder], registry, tmp_path / "page.html")
    page.open(written.path)
    assert page.evaluate("document.title") == "t2t: <img src=x onerror=alert(1)>&amp;"
    assert page.evaluate("document.querySelectorAll('body img').length") == 0
    assert page.complaints() == []


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_never_scrolls_sideways(page, sweep_report, width):
    page.size(width, 900)
    page.open(sweep_report)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.evaluate("document.querySelector('tr.example button').click()")
    assert page.evaluate(OVERFLOW) == 0
    if width == 400:
        # What is wider scrolls in a box of its own.
        boxes = (
            "[...document.querySelectorAll('.scroll')].filter(b => b.scrollWidth > b.clientWidth)"
        )
        assert page.evaluate(f"{boxes}.length") > 0


def test_long_names_do_not_widen_it(page, runs, registry, tmp_path):
    name = "learning_rate_0.001_" * 8
    shutil.copytree(runs / "a", tmp_path / name)
    shutil.copytree(runs / "b", tmp_path / "b")
    page.size(400, 900)
    page.open(write_report([tmp_path], registry).path)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert name in page.evaluate("document.body.innerText")
    assert page.evaluate(OVERFLOW) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(page, sweep_report, scheme):
    page.scheme(scheme)
    page.open(sweep_report)
    page.evaluate("document.querySelector('tr.example button').click()")
    found = page.evaluate(CONTRASTS)
    assert len({kind for kind, _ in found}) == 13
    assert [(kind, ratio) for kind, ratio in found if ratio < 4.5] == []


def test_light_and_dark_differ(page, sweep_report):
    colours = "[document.body, document.querySelector('.scroll')].map(n => " \
        "getComputedStyle(n).backgroundColor + getComputedStyle(n).color)"  # fmt: skip
    page.open(sweep_report)
    light = page.evaluate(colours)
    page.scheme("dark")
    dark = page.evaluate(colours)
    assert all(a != b for a, b in zip(light, dark, strict=True))


def test_a_run_without_predictions_shows_its_curves_and_recipe(page, runs, registry, tmp_path):
    run = tmp_path / "young"
    run.mkdir()
    for name in ("log.jsonl", "recipe.yaml", "run.json"):
        (run / name).write_bytes((runs / "a" / name).read_bytes())
    page.open(write_report([run], registry).path)
    shown = page.evaluate("[...document.querySelectorAll('section')].map(part => part.id)")
    assert shown == ["scores", "curves", "settings"]
    assert "Nothing was predicted yet" in page.evaluate("document.body.innerText")
    assert "steps: 40" in page.evaluate("document.querySelector('#settings pre').innerText")
    assert page.complaints() == []


def test_a_sample_says_so(page, tmp_path, write, registry):
    rows = [
        (f"it rained {n * 7919:x} on {n * 104729:x}", "entailment", "entailment" if n % 10 else "")
        for n in range(3000)
    ]
    write(tmp_path, "super_glue_rte", rows)
    written = write_report([tmp_path], registry, max_bytes=90_000)
    assert 80_000 < written.num_bytes <= 90_000
    page.open(written.path)
    note = page.evaluate("document.getElementById('sample-note').innerText")
    assert f"holds {written.examples.num_kept:,} of 3,000 examples: all 300" in note
    choose(page, "#filter-verdict", "2")
    assert page.evaluate(FOUND).startswith("300 examples of ")


def test_many_examples_open_fast_and_stay_fluent(page, tmp_path, write, registry):
    passages = [" ".join(f"word{n * k % 9973}" for k in range(90)) for n in range(400)]
    rows = [
        (f"rte hypothesis: {n * 7919} premise: {passages[n % 400]}", "entailment",
         "entailment" if n % 3 else "not_entailment")
        for n in range(8000)
    ]  # fmt: skip
    write(tmp_path, "super_glue_rte", rows)
    written = write_report([tmp_path], registry)
    assert written.num_bytes < 1_500_000
    assert written.examples.num_kept == 8000
    page.open(written.path)
    assert page.evaluate("performance.getEntriesByName('ready')[0].startTime") < 2000
    start = page.evaluate("performance.now()")
    choose(page, "#filter-verdict", "1")
    assert page.evaluate(FOUND) == "2,667 examples of 8,000"
    assert page.evaluate("performance.now()") - start < 1000


def test_a_page_that_is_damaged_says_so(page, sweep_report, tmp_path: Path):
    text = sweep_report.read_text(encoding="utf-8")
    mark = 'id="data-summary">'
    at = text.index(mark) + len(mark) + 40
    damaged = tmp_path / "damaged.html"
    damaged.write_text(text[:at] + "AAAA" + text[at + 4 :], encoding="utf-8")
    page.call("Page.navigate", url=damaged.as_uri())
    page.wait("document.documentElement?.dataset.state === 'failed'")
    assert "cannot show its data" in page.evaluate("document.body.innerText")
