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
  return `${runs}; ${plural(data.examples.all, "example")}; written by t2t ${data.t2t}`;
}

async function show() {
  const data = await unpacked("data-summary");
  const sections = [scoresSection(data), curvesSection(data), classesSection(data), invalidSection(data),
    lengthsSection(data), data.examples.all ? examplesSection(data) : null, settingsSection(data)].filter(Boolean);
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
