// Learning curves, classes, invalid outputs, lengths, recipes and versions.
"use strict";

function curvesSection(data) {
  const of = (pick) => data.runs.map((run, index) => ({ name: run.name, index, points: run.curves ? pick(run.curves) || [] : [] }));
  const tasks = [...new Set(data.runs.flatMap((run) => Object.keys((run.curves || { tasks: {} }).tasks)))].sort();
  const charts = [
    ["Training loss", of((curves) => curves.loss)],
    ["Learning rate", of((curves) => curves.learning_rate)],
  ];
  const losses = tasks.length > 1 ? tasks.map((task) => [task, of((curves) => curves.tasks[task])]) : [];
  const groups = [[null, charts], ["Loss by task", losses], ["Score by step, validated checkpoints", stepScores(data)]]
    .map(([title, list]) => [title, list.filter(([, series]) => series.some((one) => one.points.length))])
    .filter(([, list]) => list.length);
  if (!groups.length) return null;
  return section("curves", "Learning curves", data.runs.length > 1 ? legend(data.runs.map((run) => run.name)) : null, unfinished(data),
    groups.map(([title, list]) => [title ? element("h3", {}, title) : null,
      element("div", { class: "charts" }, list.map(([name, series]) => lineChart(name, series)))]));
}

// Runs whose log ends before the last step of their recipe.
function unfinished(data) {
  const texts = data.runs.filter((run) => run.curves && run.curves.steps < Number(run.settings["train.steps"]))
    .map((run) => `${run.name} is at step ${count(run.curves.steps)} of ${count(Number(run.settings["train.steps"]))}`);
  return texts.length ? element("p", { class: "note", id: "unfinished" }, `Not finished: ${texts.join("; ")}.`) : null;
}

// By task, each run's scores of its checkpoints; the best step is the one marked.
function stepScores(data) {
  const files = [...new Set(data.runs.flatMap((run) => Object.keys(run.by_step)))].sort();
  return files.map((file) => [file, data.runs.map((run, index) => {
    const points = run.by_step[file] || [];
    const best = points.length ? points.reduce((a, b) => (b[1] > a[1] ? b : a))[0] : null;
    return { name: run.name, index, points, mark: best };
  })]);
}

function runChoices(data) {
  return data.runs.map((run, index) => [String(index), run.name]);
}

function classesSection(data) {
  const tasks = data.tasks.filter((task) => Object.values(task.runs).some((result) => result.classes));
  if (!tasks.length) return null;
  const shown = element("div", { id: "classes-shown" });
  const state = { task: "0", run: "0" };
  const update = () => shown.replaceChildren(...classTables(data, tasks[Number(state.task)], Number(state.run)));
  const controls = element("div", { class: "controls" },
    choice("classes-task", "Task", tasks.map((task, n) => [String(n), `${task.task}, ${task.split}`]), (value) => { state.task = value; update(); }),
    data.runs.length > 1 ? choice("classes-run", "Run", runChoices(data), (value) => { state.run = value; update(); }) : null);
  update();
  return section("classes", "Classes", controls, shown);
}

function classTables(data, task, run) {
  const classes = (task.runs[run] || {}).classes;
  if (!classes) return [element("p", {}, "This run has no labelled predictions of the task.")];
  const columns = ["Class", "Precision", "Recall", "F1", "Examples", "Predicted"].map((title, n) => ({ title, number: n > 0 }));
  const rows = classes.labels.map((label, n) => ({
    cells: [label, ...classes.rows[n].slice(0, 3).map((value) => fixed(value)), ...classes.rows[n].slice(3).map(count)],
  }));
  return [dataTable("Scores by class", columns, rows, { id: "classes-table" }),
    element("h3", {}, "Confusion matrix"), classes.counts ? matrix(task, classes, run) : confusions(classes)];
}

function matrix(task, classes, run) {
  const columns = [{ title: "label \\ predicted" }, ...[...classes.labels, "invalid"].map((title) => ({ title, number: true }))];
  const rows = classes.counts.map((row, n) => {
    const total = row.reduce((a, b) => a + b, 0);
    return { cells: [classes.labels[n], ...row.map(count)], shares: row.map((value) => (total ? value / total : 0)) };
  });
  const box = dataTable(`Confusion matrix of ${task.task}: rows are labels, columns what was predicted`, columns, rows, { id: "confusion-table" });
  box.querySelectorAll("tbody tr").forEach((tr, n) => {
    [...tr.cells].slice(1).forEach((cell, m) => {
      cell.classList.add("heat");
      cell.style.setProperty("--share", rows[n].shares[m].toFixed(3));
    });
  });
  return box;
}

function confusions(classes) {
  const columns = [{ title: "Label" }, { title: "Predicted" }, { title: "Examples", number: true }];
  return [element("p", { class: "muted" }, "Too many classes for a matrix; the most frequent confusions:"),
    dataTable("Confusions", columns, classes.confusions.map(([label, value, n]) => ({ cells: [label, value, count(n)] })), { id: "confusion-table" })];
}

// Every result with the names of its task and run.
function results(data) {
  return data.tasks.flatMap((task) => data.runs.map((run, index) => ({ task, run, index, result: task.runs[index] })))
    .filter((one) => one.result);
}

function namedColumns(data, titles) {
  return [{ title: "Task" }, ...(data.runs.length > 1 ? [{ title: "Run" }] : []), ...titles];
}

function namedCells(data, { task, run }) {
  return [`${task.task}, ${task.split}`, ...(data.runs.length > 1 ? [run.name] : [])];
}

function invalidSection(data) {
  const rows = results(data).flatMap((one) => one.result.reasons.map(([reason, times, output]) => ({
    cells: [...namedCells(data, one), reason, count(times), element("span", { class: "text" }, output === "" ? "(empty)" : clipped(output, 200)),
      element("button", { class: "link", type: "button", on: { click: () => showExamples({ run: String(one.index), file: `${one.task.task}.${one.task.split}`, verdict: "2" }) } }, "show")],
  })));
  if (!data.tasks.length) return null;
  if (!rows.length) return section("invalid", "Invalid outputs", element("p", {}, "Every output means something to its task."));
  const columns = namedColumns(data, [{ title: "Reason" }, { title: "Outputs", number: true }, { title: "One of them" }, { title: "Examples" }]);
  return section("invalid", "Invalid outputs",
    element("p", { class: "muted" }, "Outputs that mean nothing to the task count as wrong in every metric."),
    dataTable("Invalid outputs by reason", columns, rows, { id: "invalid-table" }));
}

function lengthsSection(data) {
  if (!data.tasks.length) return null;
  const titles = [{ title: "Side" }, { title: "Unit" }, { title: "Median", number: true }, { title: "95 %", number: true },
    { title: "Longest", number: true }, { title: "Distribution" }, { title: "Cut or unfinished" }];
  const rows = results(data).flatMap((one) => ["inputs", "outputs"].map((side) => {
    const found = one.result.lengths[side];
    const label = `${count(found.bins.reduce((a, b) => a + b, 0))} ${side} in steps of ${found.width} ${found.unit}`;
    return { cells: [...namedCells(data, one), side, found.unit, count(found.median), count(found.p95), count(found.max), bars(found.bins, label), cutTold(one.result, side)] };
  }));
  return section("lengths", "Lengths and truncation", dataTable("Lengths", namedColumns(data, titles), rows, { id: "lengths-table" }));
}

function cutTold(result, side) {
  const number = side === "inputs" ? result.truncated_inputs : result.unfinished_outputs;
  if (number === undefined) return "not recorded";
  if (!number) return "none";
  return `${count(number)} of ${count(result.examples)} ${side === "inputs" ? "cut" : "did not end"}`;
}

function settingsSection(data) {
  return section("settings", "Recipes and versions", data.runs.length > 1 ? differences(data) : null,
    data.runs.map((run, index) => element("details", { open: data.runs.length === 1 }, element("summary", {}, run.name),
      facts(run, index), run.recipe === null ? null : [element("h3", {}, "Resolved recipe"), element("pre", { tabindex: "0" }, run.recipe)])));
}

function facts(run, index) {
  const rows = [["folder", run.folder], ...run.facts].map(([name, value]) => ({ cells: [element("span", { class: "key" }, name), value] }));
  return dataTable(`How ${run.name} was made`, [{ title: "What" }, { title: "Value" }], rows, { id: `facts-${index}` });
}

// Settings in which the recipes of several runs differ.
function differences(data) {
  const trained = data.runs.filter((run) => run.recipe !== null);
  const keys = [...new Set(trained.flatMap((run) => Object.keys(run.settings)))]
    .filter((key) => new Set(trained.map((run) => run.settings[key])).size > 1);
  if (trained.length < 2) return null;
  if (!keys.length) return element("p", {}, "The recipes of these runs do not differ.");
  const columns = [{ title: "Setting" }, ...trained.map((run) => ({ title: run.name }))];
  const rows = keys.map((key) => ({ cells: [element("span", { class: "key" }, key), ...trained.map((run) => run.settings[key] ?? "–")] }));
  return [element("h3", {}, "Settings that differ"), dataTable("Settings that differ", columns, rows, { id: "differences-table" })];
}
