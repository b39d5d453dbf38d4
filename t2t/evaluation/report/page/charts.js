// Line charts and small bars as SVG.
"use strict";

const CHART = { width: 340, height: 190, left: 46, right: 10, top: 8, bottom: 24 };
const COLOURS = 8;

// The class of a run's line: eight colours, then the same ones dashed and dotted.
function seriesClass(index) {
  const strokes = ["", " dashed", " dotted"];
  return `series-${index % COLOURS}${strokes[Math.floor(index / COLOURS) % strokes.length]}`;
}

function legend(names) {
  return element("ul", { class: "legend" }, names.map((name, index) =>
    element("li", {},
      svgElement("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" },
        svgElement("line", { x1: 0, y1: 4, x2: 22, y2: 4, "stroke-width": 2.5, class: seriesClass(index) })),
      name)));
}

// A figure of lines over steps. Each series is {name, index, points: [[x, y]], mark: x or null}.
function lineChart(title, series) {
  const shown = series.filter((one) => one.points.length);
  const scale = scales(shown.flatMap((one) => one.points));
  const summary = shown.map((one) => `${one.name}: ${short(one.points.at(-1)[1])}`).slice(0, 6).join(", ");
  const readout = element("figcaption", { "aria-live": "polite" }, lastValues(shown));
  const cursor = svgElement("line", { class: "cursor", y1: CHART.top, y2: CHART.height - CHART.bottom, visibility: "hidden" });
  const svg = svgElement("svg", {
    class: "chart", viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", tabindex: "0",
    "aria-label": `${title} by step. Last values: ${summary}`,
  }, axes(scale), shown.map((one) => line(one, scale)), cursor);
  followPointer(svg, cursor, readout, shown, scale);
  return element("figure", {}, element("h4", {}, title), svg, readout);
}

function scales(points) {
  const [xs, ys] = [points.map((point) => point[0]), points.map((point) => point[1])];
  const [low, high] = [least(ys), most(ys)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const [first, last] = [Math.min(least(xs), 1), Math.max(most(xs), 2)];
  const [bottom, top] = [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
  return {
    first, last, bottom, top,
    x: (value) => CHART.left + ((value - first) / (last - first)) * (CHART.width - CHART.left - CHART.right),
    y: (value) => CHART.height - CHART.bottom
      - ((value - bottom) / (top - bottom)) * (CHART.height - CHART.top - CHART.bottom),
  };
}

function least(values) {
  return values.reduce((a, b) => Math.min(a, b));
}

function most(values) {
  return values.reduce((a, b) => Math.max(a, b));
}

function axes(scale) {
  const marks = ticks(scale.bottom, scale.top, 4).map((value) => svgElement("g", {},
    svgElement("line", { class: "grid", x1: CHART.left, x2: CHART.width - CHART.right, y1: scale.y(value), y2: scale.y(value) }),
    svgElement("text", { x: CHART.left - 6, y: scale.y(value) + 4, "text-anchor": "end" }, short(value))));
  const steps = ticks(scale.first, scale.last, 4).map((value) =>
    svgElement("text", { x: scale.x(value), y: CHART.height - 7, "text-anchor": "middle" }, short(value)));
  return [...marks, ...steps];
}

// Round numbers between two ends, about as many as asked for.
function ticks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const found = [];
  for (let n = Math.ceil(low / size); n * size <= high; n += 1) found.push(Number((n * size).toPrecision(12)));
  return found;
}

function short(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (size < 1e-3) return value.toExponential(1).replace("e-", "e−");
  return String(Number(value.toPrecision(4)));
}

function line(series, scale) {
  const path = series.points.map(([x, y], n) => `${n ? "L" : "M"}${scale.x(x).toFixed(1)} ${scale.y(y).toFixed(1)}`);
  const drawn = [svgElement("path", { d: path.join(""), class: `series ${seriesClass(series.index)}` })];
  const dots = series.points.length <= 40 ? series.points : [];
  for (const [x, y] of dots) {
    const radius = x === series.mark ? 5 : 2.2;
    drawn.push(svgElement("circle", { cx: scale.x(x), cy: scale.y(y), r: radius, class: `dot ${seriesClass(series.index)}` }));
  }
  return drawn;
}

function lastValues(series) {
  const best = series.filter((one) => one.mark !== null && one.mark !== undefined)
    .map((one) => `${series.length > 1 ? `${one.name}: ` : ""}best ${short(valueAt(one, one.mark))} at step ${count(one.mark)}`);
  if (best.length) return told(best);
  return told(series.map((one) => `${series.length > 1 ? `${one.name}: ` : ""}${short(one.points.at(-1)[1])} at step ${count(one.points.at(-1)[0])}`));
}

function told(texts) {
  return texts.slice(0, 4).join("; ") + (texts.length > 4 ? ` and ${texts.length - 4} more` : "");
}

function valueAt(series, x) {
  return nearest(series.points, x)[1];
}

function nearest(points, x) {
  return points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));
}

// The values at a step: under the pointer, or moved with the arrow keys.
function followPointer(svg, cursor, readout, series, scale) {
  const steps = [...new Set(series.flatMap((one) => one.points.map((point) => point[0])))].sort((a, b) => a - b);
  let at = steps.length - 1;
  const show = (index) => {
    at = Math.max(0, Math.min(steps.length - 1, index));
    for (const end of ["x1", "x2"]) cursor.setAttribute(end, scale.x(steps[at]));
    cursor.setAttribute("visibility", "visible");
    const values = series.map((one) => `${series.length > 1 ? `${one.name} ` : ""}${short(valueAt(one, steps[at]))}`);
    readout.textContent = `step ${count(steps[at])}: ${told(values)}`;
  };
  const hide = () => {
    cursor.setAttribute("visibility", "hidden");
    readout.textContent = lastValues(series);
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * CHART.width;
    show(steps.indexOf(closest(steps, scale, x)));
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (move === undefined) return;
    event.preventDefault();
    show(at + move);
  });
}

function closest(steps, scale, x) {
  return steps.reduce((best, step) => (Math.abs(scale.x(step) - x) < Math.abs(scale.x(best) - x) ? step : best));
}

function bars(values, label) {
  const high = most(values) || 1;
  const width = 100 / Math.max(values.length, 12);
  return svgElement("svg", { class: "bars", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img", "aria-label": label },
    values.map((value, n) => {
      const height = value ? Math.max(1, (value / high) * 24) : 0;
      return svgElement("rect", { x: n * width, y: 24 - height, width: width * 0.85, height });
    }));
}
