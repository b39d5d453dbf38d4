// The table of examples: filtered, searched and shown a page at a time.
"use strict";

const PAGE = 50;
const ABSENT = -1;
const VERDICTS = ["right", "wrong", "invalid", "none"];
const VERDICT_TEXTS = ["right", "wrong", "invalid", "no verdict"];

const browser = { data: null, table: null, run: "0", other: "", file: "", verdict: "", query: "", page: 0, found: [] };

function examplesSection(data) {
  browser.data = data;
  return section("examples", "Examples", sampleNote(data.examples), controls(data),
    element("p", { id: "found", role: "status", class: "muted" }, "Reading the examples."),
    scrolling("Examples", element("table", { id: "examples-table" })),
    element("div", { class: "paging" }, turn("previous-page", "Previous", -1), element("span", { id: "page-number" }), turn("next-page", "Next", 1)));
}

function sampleNote(counts) {
  if (counts.kept === counts.all) return null;
  const others = counts.all - counts.errors;
  return element("p", { class: "note", id: "sample-note" },
    `This page holds ${count(counts.kept)} of ${count(counts.all)} examples: ${counts.errors_kept === counts.errors ? "all" : `a sample of ${count(counts.errors_kept)} of the`} `
    + `${count(counts.errors)} that are wrong or invalid, and a sample of ${count(counts.kept - counts.errors_kept)} of the ${count(others)} others (seed ${counts.seed}). `
    + "Scores, classes and lengths are of all of them.");
}

function controls(data) {
  const files = data.tasks.map((task) => `${task.task}.${task.split}`);
  const set = (name) => (value) => { browser[name] = value; browser.page = 0; refresh(); };
  const several = data.runs.length > 1;
  const search = element("input", { id: "search", type: "search", autocomplete: "off", spellcheck: "false",
    placeholder: "words in input, target or output", on: { input: delayed(() => set("query")(search.value)) } });
  return element("div", { class: "controls", role: "search" },
    several ? choice("filter-run", "Outputs of", runChoices(data), set("run")) : null,
    several ? choice("filter-other", "Beside", [["", "no other run"], ...runChoices(data)], set("other")) : null,
    choice("filter-task", "Task", [["", "all tasks"], ...files.map((file) => [file, file])], set("file")),
    choice("filter-verdict", "Verdict", [["", "all"], ...VERDICT_TEXTS.map((text, n) => [String(n), text]),
      ...(several ? [["differs", "verdicts differ"]] : [])], set("verdict")),
    element("label", { for: "search", class: "wide" }, "Search", search));
}

function delayed(action) {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(action, 80); };
}

function turn(id, text, by) {
  return element("button", { id, type: "button", on: { click: () => { browser.page += by; showPage(); } } }, text);
}

// Set filters from elsewhere in the page, and go there.
function showExamples(filters) {
  Object.assign(browser, { query: "", file: "", verdict: "", page: 0 }, filters);
  const inputs = { "filter-run": browser.run, "filter-task": browser.file, "filter-verdict": browser.verdict, search: browser.query };
  for (const [id, value] of Object.entries(inputs)) {
    const input = document.getElementById(id);
    if (input) input.value = value;
  }
  refresh();
  document.getElementById("examples").scrollIntoView();
  document.getElementById("search").focus({ preventScroll: true });
}

function fillExamples(table) {
  browser.table = table;
  refresh();
}

function refresh() {
  if (!browser.table) return;
  browser.found = found(browser.table);
  showPage();
}

function found(table) {
  const run = table.runs[Number(browser.run)];
  const other = browser.other === "" ? null : table.runs[Number(browser.other)];
  const file = browser.file === "" ? ABSENT : table.files.indexOf(browser.file);
  const query = browser.query.trim().toLowerCase();
  const indices = [];
  for (let n = 0; n < table.file.length; n += 1) {
    if (browser.file !== "" && table.file[n] !== file) continue;
    if (!hasVerdict(table, run, other, n)) continue;
    if (query === "" || textOf(table, run, n).includes(query)) indices.push(n);
  }
  return indices;
}

function hasVerdict(table, run, other, n) {
  if (run.verdict[n] === ABSENT) return false;
  if (browser.verdict === "differs") {
    const beside = other ? [other] : table.runs;
    return beside.some((one) => one.verdict[n] !== ABSENT && one.verdict[n] !== run.verdict[n]);
  }
  return browser.verdict === "" || run.verdict[n] === Number(browser.verdict);
}

// What the search looks through, in lower case; texts are lowered once.
function textOf(table, run, n) {
  table.lowered ||= table.texts.map((text) => text.toLowerCase());
  let text = "";
  for (const piece of table.inputs[n]) text += table.lowered[piece];
  for (const target of table.targets[n]) text += `\n${table.lowered[target]}`;
  return `${text}\n${table.lowered[run.output[n]]}\n${table.lowered[table.key[n]]}`;
}

function showPage() {
  const { found: all, table, data } = browser;
  const pages = Math.max(1, Math.ceil(all.length / PAGE));
  browser.page = Math.max(0, Math.min(pages - 1, browser.page));
  const shown = all.slice(browser.page * PAGE, (browser.page + 1) * PAGE);
  const other = browser.other === "" ? null : Number(browser.other);
  const titles = ["Task", "Input", "Target", ...[Number(browser.run), other].filter((run) => run !== null)
    .map((run) => (data.runs.length > 1 ? `Output of ${data.runs[run].name}` : "Output"))];
  const head = element("tr", {}, titles.map((title) => element("th", { scope: "col", class: title === "Input" ? "input-column" : null }, title)));
  document.getElementById("examples-table").replaceChildren(
    element("thead", {}, head), element("tbody", {}, shown.map((n) => exampleRow(n, titles.length))));
  document.getElementById("found").textContent = `${plural(all.length, "example")} of ${count(table.file.length)}`;
  document.getElementById("page-number").textContent = `page ${count(browser.page + 1)} of ${count(pages)}`;
  document.getElementById("previous-page").disabled = browser.page === 0;
  document.getElementById("next-page").disabled = browser.page === pages - 1;
}

function exampleRow(n, width) {
  const { table } = browser;
  const runs = [browser.run, browser.other].filter((run) => run !== "").map(Number);
  const file = table.files[table.file[n]];
  const [task, split] = [file.slice(0, file.lastIndexOf(".")), file.slice(file.lastIndexOf(".") + 1)];
  const open = element("button", { class: "link", type: "button", "aria-expanded": "false", on: { click: () => toggle(row, open, n, width) } }, task);
  const row = element("tr", { class: "example" },
    element("th", { scope: "row" }, open, element("span", { class: "under" }, `${split}, ${table.texts[table.key[n]]}`)),
    element("td", {}, clampedText(inputOf(n))),
    element("td", {}, clampedText(targetOf(n))),
    runs.map((run) => element("td", {}, outputCell(table.runs[run], n))));
  return row;
}

function inputOf(n) {
  return browser.table.inputs[n].map((piece) => browser.table.texts[piece]).join("");
}

// The first target; a label that says something else (WSC's) is told too.
function targetOf(n) {
  const { table } = browser;
  const first = table.targets[n].length ? table.texts[table.targets[n][0]] : "";
  const label = table.label[n] === ABSENT ? first : table.texts[table.label[n]];
  return label === first || label.startsWith("[") || label.startsWith("{") ? first : `${first} (${label})`;
}

function outputCell(run, n) {
  const verdict = run.verdict[n];
  if (verdict === ABSENT) return "not predicted";
  const output = browser.table.texts[run.output[n]];
  return [clampedText(output === "" ? "(empty)" : output), element("span", { class: `verdict ${VERDICTS[verdict]}` }, VERDICT_TEXTS[verdict])];
}

function clampedText(text) {
  return element("span", { class: "text clamped" }, marked(text));
}

// The text with what was searched for marked. The start is cut when the match is far behind it.
function marked(text) {
  const query = browser.query.trim().toLowerCase();
  const lowered = text.toLowerCase();
  const at = query === "" || lowered.length !== text.length ? -1 : lowered.indexOf(query);
  if (at < 0) return [text];
  const start = at > 120 ? at - 60 : 0;
  return [`${start ? "…" : ""}${text.slice(start, at)}`, element("mark", {}, text.slice(at, at + query.length)), text.slice(at + query.length)];
}

function toggle(row, button, n, width) {
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  if (isOpen) row.nextElementSibling.remove();
  else row.after(element("tr", { class: "full" }, element("td", { colspan: width }, fullExample(n))));
}

function fullExample(n) {
  const { table, data } = browser;
  const targets = table.targets[n].map((target) => table.texts[target]).join("\n");
  const label = table.label[n] === ABSENT ? null : table.texts[table.label[n]];
  const about = [["key", table.texts[table.key[n]]], ["input", inputOf(n)], [table.targets[n].length > 1 ? "targets" : "target", targets],
    ["label", label === targets ? null : label]];
  const outputs = table.runs.flatMap((run, index) => (run.verdict[n] === ABSENT ? [] : runFacts(run, n, data.runs.length > 1 ? `${data.runs[index].name}: ` : "")));
  return element("dl", {}, [...about, ...outputs].filter(([, value]) => value !== null).map(([name, value]) =>
    [element("dt", {}, name), element("dd", { class: "text" }, value)]));
}

function runFacts(run, n, prefix) {
  const { texts } = browser.table;
  const output = texts[run.output[n]];
  const value = run.value[n] === ABSENT || texts[run.value[n]] === output ? null : texts[run.value[n]];
  const decoded = (run.decoded && run.decoded[n]) || {};
  const scores = Object.entries(decoded.scores || {}).sort((a, b) => b[1] - a[1]).map(([text, score]) => `${text}: ${score.toFixed(3)}`);
  return [
    [`${prefix}output`, output === "" ? "(empty)" : output],
    [`${prefix}read as`, value],
    [`${prefix}verdict`, VERDICT_TEXTS[run.verdict[n]]],
    [`${prefix}reason`, run.reason[n] === ABSENT ? null : texts[run.reason[n]]],
    [`${prefix}candidates, log-probability`, scores.length ? scores.join("\n") : null],
    [`${prefix}tokens`, decoded.input_tokens === undefined ? null : `${count(decoded.input_tokens)} of the input, ${count(decoded.output_tokens ?? 0)} of the output`],
    [`${prefix}log-probability`, decoded.log_probability === undefined ? null : fixed(decoded.log_probability, 3)],
  ];
}
