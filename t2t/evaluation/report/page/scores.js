// The table of scores beside the majority and published rows, and the same as Markdown.
"use strict";

function scoresSection(data) {
  const runs = scoredRuns(data);
  const columns = [
    { title: "Task" },
    ...runs.map((run) => ({ title: runs.length > 1 ? data.runs[run].name : "Score", number: true })),
    { title: "Majority", number: true },
    ...publishedColumns(data).map((row) => ({ title: `${data.published[row].name}, published`, number: true })),
  ];
  const rows = [
    ...data.tasks.map((task) => ({ cells: taskCells(data, task) })),
    ...data.averages.map((average) => ({ className: "total", cells: averageCells(data, average) })),
  ];
  if (!rows.length) return section("scores", "Scores", element("p", {}, "Nothing was predicted yet."));
  return section("scores", "Scores", scoreNotes(data), dataTable("Scores", columns, rows, { id: "scores-table" }),
    sources(data), markdownBox(data));
}

// The numbers of the runs that have predictions: a pre-training has none.
function scoredRuns(data) {
  return data.runs.map((_, run) => run).filter((run) => data.tasks.some((task) => task.runs[run]));
}

// Published rows with a score of some task; a lone average is told below the table.
function publishedColumns(data) {
  return data.published.map((_, row) => row).filter((row) => data.tasks.some((task) => row in task.published));
}

function taskCells(data, task) {
  const runs = scoredRuns(data);
  const results = runs.map((run) => task.runs[run]);
  const scores = results.map((result) => (result ? result.score : null));
  return [
    [element("span", {}, task.task), element("span", { class: "under" }, aboutTask(task))],
    ...results.map((result, index) => (result ? scoreCell(task, result, runs[index], isBest(scores, index)) : "–")),
    majorityCell(task.majority),
    ...publishedColumns(data).map((row) => fixed(task.published[row])),
  ];
}

function aboutTask(task) {
  const examples = plural(numExamples(task), "example");
  return task.known ? `${task.split}, ${examples}` : `${task.split}, ${examples}; task not known here`;
}

function numExamples(task) {
  return most(Object.values(task.runs).map((result) => result.examples));
}

function isBest(scores, index) {
  const known = scores.filter((score) => typeof score === "number");
  return typeof scores[index] === "number" && scores[index] === most(known) && scores[index] > least(known);
}

function majorityCell(majority) {
  if (!majority) return "–";
  return [fixed(majority.score), element("span", { class: "under", title: "the most frequent answer" }, clipped(majority.answer, 24))];
}

function clipped(text, length) {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}

function scoreCell(task, result, run, best) {
  const names = Object.keys(result.metrics || {});
  const metrics = names.map((name) =>
    element("span", { class: "under" }, `${names.length > 1 ? `${name} ${fixed(result.metrics[name])}` : name}${interval(result, name)}`));
  const score = typeof result.score === "number" ? fixed(result.score) : "no score";
  return [element("span", { class: best ? "score best" : "score" }, score), metrics, errorLinks(task, result, run),
    result.note ? element("span", { class: "under note-under" }, result.note) : null];
}

function interval(result, name) {
  const found = (result.intervals || {})[name];
  return found ? ` [${fixed(found.low)}, ${fixed(found.high)}]` : "";
}

// How many are wrong and invalid; each shows its examples.
function errorLinks(task, result, run) {
  return [[1, "wrong"], [2, "invalid"]].filter(([verdict]) => result.verdicts[verdict]).map(([verdict, word]) =>
    element("span", { class: "under" }, element("button", {
      class: "link", type: "button",
      on: { click: () => showExamples({ run: String(run), file: `${task.task}.${task.split}`, verdict: String(verdict) }) },
    }, `${count(result.verdicts[verdict])} ${word}`)));
}

function averageCells(data, average) {
  const found = scoredRuns(data).map((run) => average.runs[run]);
  const scores = found.map((one) => (one ? one.score : null));
  return [
    [element("span", {}, `average of ${average.name}`), element("span", { class: "under" }, average.split)],
    ...found.map((one, index) => averageCell(one, isBest(scores, index))),
    fixed(average.majority),
    ...publishedColumns(data).map((row) => fixed(average.published[row])),
  ];
}

function averageCell(average, best) {
  if (!average) return "–";
  if (typeof average.score === "number") return element("span", { class: best ? "score best" : "score" }, fixed(average.score));
  return [ "–", element("span", { class: "under" }, `without ${average.missing.join(", ")}`)];
}

function scoreNotes(data) {
  const drawn = data.runs.find((run) => run.bootstrap);
  const texts = [
    "A score is the mean of a task's metrics, times 100. Majority is the most frequent answer of these examples, given to all of them.",
    drawn ? `[low, high]: the middle ${100 * drawn.bootstrap.level} % of ${count(drawn.bootstrap.resamples)} resamples.` : null,
  ];
  return texts.filter(Boolean).map((text) => element("p", { class: "muted" }, text));
}

function sources(data) {
  const used = data.published.filter(Boolean);
  if (!used.length) return null;
  return element("ul", { class: "small muted" }, used.map((row) =>
    element("li", {}, `${row.name}, average of ${row.of}, ${row.split}: ${fixed(row.average)}. ${row.source}, read on ${row.read}: `,
      element("a", { href: row.url, rel: "noreferrer" }, row.url))));
}

// What a user takes along: the table as Markdown.
function markdown(data) {
  const runs = scoredRuns(data);
  const names = ["task", "split", "examples", ...runs.map((run) => data.runs[run].name), "majority"];
  const cell = (text) => String(text).replaceAll("|", "\\|").replaceAll("\n", " ");
  const line = (cells) => `| ${cells.map(cell).join(" | ")} |`;
  const tasks = data.tasks.map((task) => [task.task, task.split,
    numExamples(task), ...runs.map((run) => fixed(task.runs[run] && task.runs[run].score)),
    fixed(task.majority && task.majority.score)]);
  const averages = data.averages.map((one) => [`average of ${one.name}`, one.split, "",
    ...runs.map((run) => fixed(one.runs[run] && one.runs[run].score)), fixed(one.majority)]);
  const rule = names.map((_, index) => (index < 2 ? "---" : "---:"));
  return [names, rule, ...tasks, ...averages].map(line).join("\n");
}

function markdownBox(data) {
  const text = markdown(data);
  const box = element("pre", { id: "markdown", tabindex: "0" }, text);
  const said = element("span", { role: "status", class: "muted" });
  const copy = element("button", { type: "button", on: { click: () => copyText(text, box, said) } }, "Copy as Markdown");
  return element("details", {}, element("summary", {}, "The table as Markdown"),
    element("p", {}, copy, " ", said), box);
}

async function copyText(text, box, said) {
  try {
    await navigator.clipboard.writeText(text);
    said.textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(box);
    said.textContent = "Selected: press Ctrl+C.";
  }
}
