// Elements from plain values. Text is always set as text, so that no input of a task can be markup.
"use strict";

function element(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svgElement(name, attributes, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(key, value === true ? "" : value);
    }
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

function count(value) {
  return value.toLocaleString("en-US");
}

function fixed(value, digits = 1) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

// A table in a box of its own that scrolls, so that the page never does. Cells are nodes or texts;
// the first cell of a row is its heading.
function dataTable(label, columns, rows, attributes = {}) {
  const head = columns.map((column) =>
    element("th", { scope: "col", class: column.number ? "number" : null }, column.title));
  const body = rows.map((row) =>
    element("tr", { class: row.className || null }, row.cells.map((cell, index) => {
      const kind = columns[index].number ? "number" : null;
      return index === 0
        ? element("th", { scope: "row", class: kind }, cell)
        : element("td", { class: kind }, cell);
    })));
  const made = element("table", attributes,
    element("thead", {}, element("tr", {}, head)), element("tbody", {}, body));
  return scrolling(label, made);
}

function scrolling(label, content) {
  return element("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, content);
}

// A labelled choice; `options` are [value, text].
function choice(id, label, options, onChange, selected) {
  const select = element("select", { id, on: { change: () => onChange(select.value) } },
    options.map(([value, text]) => element("option", { value, selected: value === selected }, text)));
  return element("label", { for: id }, label, select);
}

function section(id, title, ...content) {
  return element("section", { id, "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` }, title), content);
}
