// Reads the data of the page and shows it: first the scores, then the examples.
"use strict";

async function unpacked(id) {
  const node = document.getElementById(id);
  const stream = new Blob([bytesOf(node.textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  node.remove();
  return JSON.parse(await new Response(stream).text());
}

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let n = 0; n < binary.length; n += 1) bytes[n] = binary.charCodeAt(n);
  return bytes;
}

function about(data) {
  const runs = data.runs.length === 1 ? data.runs[0].folder : plural(data.runs.length, "run");
  const parts = [runs, ...headlines(data), plural(data.examples.all, "example"), `written by t2t ${data.t2t}`];
  return [data.note, parts.join("; ")].filter(Boolean).join(" ");
}

// The averages of the only run that has any; of several runs the table says more.
function headlines(data) {
  const predicted = data.runs.filter((_, run) => data.tasks.some((task) => task.runs[run]));
  if (predicted.length !== 1) return [];
  const scored = data.averages.map((average) => [average, Object.values(average.runs)[0].score]);
  return scored.filter(([, score]) => score !== null)
    .map(([average, score]) => `${average.name}, ${average.split}: ${fixed(score)}`);
}

async function show() {
  const data = await unpacked("data-summary");
  const sections = [scoresSection(data), curvesSection(data), classesSection(data), invalidSection(data),
    data.examples.all ? examplesSection(data) : null, lengthsSection(data), settingsSection(data)].filter(Boolean);
  document.getElementById("about").textContent = about(data);
  document.getElementById("main").replaceChildren(...sections);
  document.getElementById("parts").replaceChildren(...sections.map((one) =>
    element("li", {}, element("a", { href: `#${one.id}` }, one.querySelector("h2").textContent))));
  if (data.examples.all) fillExamples(await unpacked("data-examples"));
  document.documentElement.dataset.state = "ready";
  performance.mark("ready");
}

show().catch((error) => {
  document.getElementById("about").textContent = `This page cannot show its data: ${error.message}`;
  document.documentElement.dataset.state = "failed";
  throw error;
});
