// Figures and charts as one element: tiles, columns and lines by day, and rows of bars. Every text is set as text, never
// as markup; places are shares of the whole, so that nothing needs measuring and a resize needs no script.
export default function ({ data, parentElement, setTriggerValue }) {
  const board = node("div", { class: "board", "aria-label": data.label }, data.parts.map((part) => partOf(part, setTriggerValue)));
  const old = parentElement.querySelector(".board");
  old ? old.replaceWith(board) : parentElement.append(board);
}

function partOf(part, trigger) {
  const head = part.title ? [node("h2", { text: part.title, title: part.help })] : [];
  const note = part.note ? [node("p", { class: "note", text: part.note })] : [];
  const tiles = part.tiles.length ? [node("div", { class: "tiles" }, part.tiles.map(tileOf))] : [];
  const charts = part.charts.length ? [node("div", { class: "charts" }, part.charts.map((one) => chartOf(one, trigger)))] : [];
  return node("section", {}, [...head, ...note, ...tiles, ...charts]);
}

function tileOf(tile) {
  const parts = [node("span", { class: "label", text: tile.label }), node("strong", { class: "value", text: tile.value })];
  if (tile.change) parts.push(node("span", { class: `change ${tile.tone}`, text: tile.change }));
  return node("div", { class: "tile", title: tile.help, tabindex: 0 }, parts);
}

function chartOf(chart, trigger) {
  const open = (label, series) => chart.opens && trigger("opened", { chart: chart.key, at: chart.keys[label], series: series ?? "" });
  const large = node("button", { class: "large", type: "button", "aria-label": `${chart.title}, large`, title: "Large", text: "open_in_full" });
  large.onclick = () => trigger("enlarged", chart.key);
  const head = [node("h3", { text: chart.title, title: chart.help }), large];
  const parts = [node("header", {}, head)];
  if (chart.tile) parts.push(tileOf(chart.tile));
  if (chart.series.length > 1) parts.push(legendOf(chart.series));
  parts.push(chart.kind === "rows" ? rowsOf(chart, open) : plotOf(chart, open));
  if (chart.opens) parts.push(node("p", { class: "note", text: chart.opens }));
  parts.push(tableOf(chart, open));
  return node("article", { class: `chart ${chart.kind}${chart.wide ? " wide" : ""}`, "data-chart": chart.key }, parts);
}

function legendOf(series) {
  return node("div", { class: "legend" }, series.map((one) => node("span", {}, [swatch(one), document.createTextNode(one.name)])));
}

function swatch(series) {
  const made = node("i", { class: series.hatched ? "swatch hatched" : "swatch" });
  made.style.setProperty("--color", series.color);
  return made;
}

// Names with bars; a second series is a mark on the same line.
function rowsOf(chart, open) {
  const top = Math.max(...chart.series.flatMap((one) => one.values.map((value) => value ?? 0))) || 1;
  const lines = chart.labels.map((label, at) => {
    const marks = chart.series.map((one, number) => {
      const mark = node("i", { class: number ? "mark" : "bar" });
      mark.style.cssText = `--color:${one.color};--to:${((one.values[at] ?? 0) / top) * 100}%`;
      return mark;
    });
    const figure = chart.series.map((one) => one.texts[at]).join(" · ");
    const line = node(chart.opens ? "button" : "div", { class: "row", title: `${chart.full[at]}: ${figure}` }, [
      node("span", { class: "name", text: label }), node("span", { class: "track" }, marks), node("span", { class: "figure", text: figure }),
    ]);
    if (chart.opens) line.onclick = () => open(at);
    return line;
  });
  return node("div", { class: "lines" }, lines);
}

function plotOf(chart, open) {
  const [low, high] = chart.range, place = (value) => ((value - low) / (high - low || 1)) * 100;
  const ticks = chart.ticks.map(([value, text]) => styled(node("span", { class: "tick" }, [node("b", { text })]), `bottom:${place(value)}%`));
  const every = Math.ceil(chart.labels.length / 8);
  const days = chart.labels.map((text, at) => at % every ? null : styled(node("span", { class: "day", text }), `left:${centre(chart, at)}%`));
  const drawn = chart.kind === "columns" ? columnsOf(chart, place) : linesOf(chart, place);
  const tip = node("div", { class: "tip", hidden: "" });
  const area = node("div", { class: "area", tabindex: 0, role: "img", "aria-label": `${chart.title}. The same figures are in the table below.` }, [drawn, tip]);
  const look = (at) => showTip(chart, tip, at);
  const under = (event) => {
    const box = area.getBoundingClientRect();
    return Math.min(chart.labels.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * chart.labels.length)));
  };
  let shown = chart.labels.length - 1;
  area.onpointermove = (event) => look((shown = under(event)));
  area.onpointerleave = area.onblur = () => (tip.hidden = true);
  area.onclick = (event) => open(under(event), event.target.dataset.series);
  area.onkeydown = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) look((shown = Math.min(chart.labels.length - 1, Math.max(0, shown + step))));
    else if (event.key === "Enter") open(shown);
    else return;
    event.preventDefault();
  };
  return node("div", { class: "plot" }, [node("span", { class: "unit", text: chart.unit }), ...ticks, area, ...days.filter(Boolean)]);
}

const centre = (chart, at) => ((at + 0.5) / chart.labels.length) * 100;

function columnsOf(chart, place) {
  const columns = chart.labels.map((_, at) => {
    const parts = chart.series.filter((one) => one.values[at]).map((one) => {
      const part = node("i", { class: one.hatched ? "part hatched" : "part", "data-series": one.key });
      return styled(part, `--color:${one.color};height:${place(one.values[at])}%`);
    });
    return node("div", { class: "column" }, parts);
  });
  return node("div", { class: "stacks" }, columns);
}

function linesOf(chart, place) {
  const picture = svg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const one of chart.series) {
    const points = one.values.map((value, at) => (value === null ? null : `${centre(chart, at)},${100 - place(value)}`)).filter(Boolean);
    picture.append(svg("polyline", { points: points.join(" "), stroke: one.color }));
    // A line of no length with round ends is a dot that stays round however the picture is stretched.
    picture.append(svg("path", { class: "dots", d: points.map((point) => `M${point}h0`).join(""), stroke: one.color }));
  }
  return picture;
}

function showTip(chart, tip, at) {
  const lines = chart.series.filter((one) => one.values[at] !== null && one.texts[at]).reverse().map((one) =>
    node("div", {}, [swatch(one), node("span", { text: one.name }), node("b", { text: one.texts[at] })]));
  tip.replaceChildren(node("div", { class: "when", text: chart.full[at] }), ...lines);
  tip.style.cssText = centre(chart, at) > 50 ? `right:${100 - centre(chart, at)}%` : `left:${centre(chart, at)}%`;
  tip.hidden = !lines.length;
}

// The table is a view of the same figures, made when it is opened.
function tableOf(chart, open) {
  const fold = node("details", {}, [node("summary", { text: "As a table" })]);
  fold.ontoggle = () => {
    if (!fold.open || fold.querySelector("table")) return;
    const heads = [chart.kind === "rows" ? "Name" : "Day", ...chart.series.map((one) => one.name)];
    const body = chart.labels.map((_, at) => {
      const first = chart.opens ? node("button", { type: "button", text: chart.full[at] }) : node("span", { text: chart.full[at] });
      if (chart.opens) first.onclick = () => open(at);
      return node("tr", {}, [node("th", { scope: "row" }, [first]), ...chart.series.map((one) => node("td", { text: one.texts[at] }))]);
    });
    const head = node("thead", {}, [node("tr", {}, heads.map((text) => node("th", { scope: "col", text })))]);
    fold.append(node("div", { class: "scroll" }, [node("table", {}, [head, node("tbody", {}, body)])]));
  };
  return fold;
}

function styled(element, style) {
  element.style.cssText = style;
  return element;
}

function svg(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== null) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
