// Figures and charts as one element: a bar with what narrows them, tiles, columns and lines by day, and rows of bars.
// Every text is set as text, never as markup; places are shares of the whole, so that nothing needs measuring and a
// resize needs no script. A page's charts are drawn by the same functions (frontend/canvas/blocks/chart.ts).
export default function ({ data, parentElement, setTriggerValue }) {
  const said = (act, what = {}) => setTriggerValue("did", { act, ...what });
  const [bar, about, paper] = [data.bar, data.about, data.paper].map((alone) => alone?.[0]);
  const board = node("div", { class: "board", "aria-label": data.label });
  const here = { said, marks: data.marks ?? [], about: about ?? {}, explain: (name, title) => explain(board, about?.[name], title) };
  board.append(...paperOf(paper), ...barOf(bar, said), ...data.parts.map((part) => partOf(part, here)), ...listOf(data, said));
  const old = parentElement.querySelector(".board");
  old ? old.replaceWith(board) : parentElement.append(board);
}

// What stands on paper only: whose figures these are, of which days, narrowed to what.
function paperOf(paper) {
  return paper ? [node("header", { class: "paper" }, [node("h1", { text: paper.title }), ...paper.lines.map((text) => node("p", { text }))])] : [];
}

function barOf(bar, said) {
  if (!bar) return [];
  const chips = bar.chips.map((chip) => {
    const away = node("button", { type: "button", class: "icon", "aria-label": `Take away ${chip.label} ${chip.text}`, text: "close" });
    away.onclick = () => said("unchip", { at: chip.name });
    return node("span", { class: "chip" }, [node("small", { text: chip.label }), node("span", { text: chip.text }), away]);
  });
  const act = (icon, text, work) => {
    const made = node("button", { type: "button", class: "act" }, [symbol(icon), node("span", { text })]);
    made.onclick = work;
    return made;
  };
  const views = node("details", { class: "menu" }, [node("summary", { class: "act" }, [symbol("bookmark"), node("span", { text: bar.view || "Views" })])]);
  const choose = (text, icon, work, current) => {
    const made = act(icon, text, () => { views.open = false; work(); });
    if (current) made.setAttribute("aria-current", "true");
    return made;
  };
  views.append(node("div", { class: "choices" }, [
    ...bar.views.map((one) => choose(one.name, one.current ? "check" : one.first ? "star" : "bookmark", () => said("view", { at: one.id }), one.current)),
    choose("Save this view", "bookmark_add", () => said("save")),
    ...(bar.views.length ? [choose("Rename, delete, begin with", "edit", () => said("views"))] : []),
  ]));
  views.onkeydown = (event) => {
    if (event.key !== "Escape" || !views.open) return;
    views.open = false;
    views.firstChild.focus();
  };
  views.addEventListener("focusout", (event) => { if (!views.contains(event.relatedTarget)) views.open = false; });
  const acts = [views, act("add_notes", "Note", () => said("note")), act("outgoing_mail", "Digests", () => said("digests")), act("print", "Print", onPaper)];
  const sections = bar.sections.map((one) => {
    const made = node("button", { type: "button", class: "section", text: one.title, "aria-current": one.current ? "page" : null });
    made.onclick = () => said("section", { at: one.key });
    return made;
  });
  const rows = [node("nav", { class: "sections", "aria-label": "Sections" }, sections), node("div", { class: "acts" }, acts)];
  return [node("div", { class: "above" }, rows), ...(chips.length ? [node("div", { class: "chips" }, chips)] : [])];
}

// On paper nothing can be unfolded, so the marks are laid open before.
function onPaper(event) {
  for (const fold of event.currentTarget.closest(".board").querySelectorAll(".marks details")) fold.open = true;
  window.print();
}

function partOf(part, here) {
  const head = part.title ? [node("h2", { text: part.title, title: part.help })] : [];
  const note = part.note ? [node("p", { class: "note", text: part.note })] : [];
  const tiles = part.tiles.length ? [node("div", { class: "tiles" }, part.tiles.map((one) => tileOf(one, here)))] : [];
  const charts = part.charts.length ? [node("div", { class: "charts" }, part.charts.map((one) => chartOf(one, here)))] : [];
  return node("section", {}, [...head, ...note, ...tiles, ...charts]);
}

function tileOf(tile, here) {
  const parts = [node("span", { class: "label", text: tile.label }), valueOf(tile.value)];
  if (tile.change) parts.push(node("span", { class: `change ${tile.tone}`, text: tile.change }));
  if (tile.note) parts.push(node("span", { class: "note", text: tile.note }));
  if (!here.about[tile.about]) return node("div", { class: "tile", title: tile.help, tabindex: 0 }, parts);
  const made = node("button", { class: "tile", type: "button", title: tile.help, "aria-haspopup": "dialog" }, parts);
  made.onclick = () => here.explain(tile.about, tile.label);
  return made;
}

// A unit is smaller than its figure and stays beside it.
function valueOf(text) {
  const made = node("strong", { class: text === "–" ? "value none" : "value" });
  const parts = /^([+-]?[\d,.]+)( [^\d\s]+)$/.exec(text);
  made.append(parts ? parts[1] : text);
  if (parts) made.append(node("small", { text: parts[2] }));
  return made;
}

function chartOf(chart, here) {
  const did = (act) => (label, series) => here.said(act, { chart: chart.key, at: chart.keys[label], series: series ?? "" });
  const click = chart.narrows ? did("narrow") : chart.opens ? did("open") : ignore;
  const large = node("button", { class: "icon large", type: "button", "aria-label": `${chart.title}, large`, title: "Large, and as a file", text: "open_in_full" });
  large.onclick = () => here.said("large", { chart: chart.key });
  const title = node("h3", { title: chart.help });
  if (here.about[chart.about]) {
    const open = node("button", { type: "button", "aria-haspopup": "dialog", text: chart.title });
    open.onclick = () => here.explain(chart.about, chart.title);
    title.append(open);
  } else title.textContent = chart.title;
  const parts = [node("header", {}, [title, large])];
  if (chart.tile) parts.push(tileOf(chart.tile, here));
  if (chart.series.length > 1 || chart.before) parts.push(legendOf(chart.series, chart.before));
  parts.push(chart.kind === "rows" ? rowsOf(chart, click, chart.narrows && chart.opens ? did("open") : null) : plotOf(chart, click, here.marks));
  // Small charts by day say by their cursor and to screen readers that a day opens: the sentence below each is noise.
  const told = chart.kind === "rows" || chart.wide ? [chart.narrows, chart.opens] : [];
  const words = [...told, chart.note].filter(Boolean).join(" ");
  if (words) parts.push(node("p", { class: "note", text: words }));
  parts.push(tableOf(chart, chart.opens ? did("open") : ignore));
  return node("article", { class: `chart ${chart.kind}${chart.wide ? " wide" : ""}${click === ignore ? "" : " opens"}`, "data-chart": chart.key }, parts);
}

function ignore() {
  // This chart opens nothing.
}

// A figure's definition: in words, as the query that is asked, and the tables it comes from.
function explain(board, about, title) {
  const line = (name, text) => (text ? [node("dt", { text: name }), node("dd", { text })] : []);
  const close = node("button", { type: "button", class: "icon", "aria-label": "Close", text: "close" });
  const dialog = node("dialog", { "aria-label": title }, [
    node("header", {}, [node("h2", { text: about.title }), close]),
    node("p", { text: about.definition }),
    ...(about.not_computed ? [node("p", { class: "note", text: about.not_computed })] : []),
    node("dl", {}, [...line("Name", about.name), ...line("Unit", about.unit), ...line("Good is", about.direction), ...line("From", about.sources)]),
    ...(about.sql ? [node("pre", { tabindex: 0, "aria-label": "Query" }, [node("code", { text: about.sql })])] : []),
  ]);
  close.onclick = () => dialog.close();
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  dialog.onclose = () => dialog.remove();
  board.append(dialog);
  dialog.showModal();
}

const MARKS = { note: ["sticky_note_2", "Note"], version: ["tune", "Configuration"], incident: ["warning", "Incident"] };

// What is marked on the charts, as a list: for those who do not see the marks, and to take own notes away.
function listOf(data, said) {
  if (!data.marks?.length) return [];
  const lines = data.marks.map((mark) => {
    const [icon, kind] = MARKS[mark.kind];
    const parts = [symbol(icon), node("span", { class: "when", text: mark.when }), node("span", { class: "words", text: `${kind}: ${mark.words}` })];
    if (mark.kind === "note") {
      const away = node("button", { type: "button", class: "icon", "aria-label": `Delete the note ${mark.words}`, title: "Delete", text: "delete" });
      away.onclick = () => said("unnote", { at: mark.id });
      parts.push(away);
    }
    return node("li", { class: `is-${mark.kind}` }, parts);
  });
  const count = `${data.marks.length} ${data.marks.length === 1 ? "mark" : "marks"} on the charts by day`;
  return [node("section", { class: "marks" }, [node("details", {}, [node("summary", { text: count }), node("ul", {}, lines)])])];
}

export function legendOf(series, before) {
  const names = series.map((one) => node("span", {}, [swatch(one), document.createTextNode(one.name)]));
  if (before) names.push(node("span", {}, [node("i", { class: "thin" }), document.createTextNode(before.name)]));
  return node("div", { class: "legend" }, names);
}

function swatch(series) {
  const made = node("i", { class: series.hatched ? "swatch hatched" : "swatch" });
  made.style.setProperty("--color", series.color);
  return made;
}

// Names with bars; each further series is a mark on the same line. Where a click narrows the page, a second button
// behind the bar opens its runs.
export function rowsOf(chart, click, open) {
  const top = Math.max(...chart.series.flatMap((one) => one.values.map((value) => value ?? 0))) || 1;
  const lines = chart.labels.map((label, at) => {
    const marks = chart.series.map((one, number) => {
      const mark = node("i", { class: number ? "mark" : "bar" });
      mark.style.cssText = `--color:${one.color};--to:${((one.values[at] ?? 0) / top) * 100}%`;
      return mark;
    });
    const figure = chart.series.map((one) => one.texts[at]).join(" · ");
    const active = (chart.opens || chart.narrows) && chart.keys[at];
    const line = node(active ? "button" : "div", { class: "row", title: `${chart.full[at]}: ${figure}` }, [
      node("span", { class: "name", text: label }), node("span", { class: "track" }, marks), node("span", { class: "figure", text: figure }),
    ]);
    if (active) line.onclick = () => click(at);
    if (!open) return line;
    if (!active) return node("div", { class: "pair" }, [line, node("span", { class: "gap" })]);
    const runs = node("button", { class: "icon", type: "button", "aria-label": `See the runs of ${chart.full[at]}`, title: "See the runs", text: "list" });
    runs.onclick = () => open(at);
    return node("div", { class: "pair" }, [line, runs]);
  });
  return node("div", { class: "lines" }, lines);
}

export function plotOf(chart, open, marks = []) {
  const [low, high] = chart.range, place = (value) => ((value - low) / (high - low || 1)) * 100;
  const ticks = chart.ticks.map(([value, text]) => styled(node("span", { class: "tick" }, [node("b", { text })]), `bottom:${place(value)}%`));
  const every = Math.ceil(chart.labels.length / 8);
  const days = chart.labels.map((text, at) => at % every ? null : styled(node("span", { class: "day", text }), `left:${centre(chart, at)}%`));
  const drawn = chart.kind === "columns" ? columnsOf(chart, place) : linesOf(chart, place);
  const flags = flagsOf(chart, marks);
  const tip = node("div", { class: "tip", hidden: "" });
  const area = node("div", { class: "area", tabindex: 0, role: "img", "aria-label": [`${chart.title}.`, chart.opens, "The same figures are in the table below."].filter(Boolean).join(" ") }, [drawn, ...beforeOf(chart, place), ...flags.map(([, flag]) => flag), tip]);
  const marked = new Map(flags.map(([at, , words]) => [at, words]));
  const look = (at) => showTip(chart, tip, at, marked.get(at) ?? []);
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

const TOLD = 4;
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

// The same days of the period before, as a thin line over the days of this one.
function beforeOf(chart, place) {
  if (!chart.before) return [];
  const picture = svg("svg", { class: "before", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  const points = chart.before.values.map((value, at) => (value === null ? null : `${centre(chart, at)},${100 - place(value)}`)).filter(Boolean);
  picture.append(svg("polyline", { points: points.join(" ") }));
  return [picture];
}

// [day's place, its flag, the words of its marks] for each day that is marked.
function flagsOf(chart, marks) {
  const days = new Map();
  for (const mark of marks) {
    const at = chart.keys.indexOf(mark.day);
    if (at >= 0) days.set(at, [...(days.get(at) ?? []), mark]);
  }
  return [...days].map(([at, own]) => {
    const kind = ["incident", "note", "version"].find((each) => own.some((mark) => mark.kind === each));
    const flag = node("i", { class: `flag is-${kind}`, "aria-hidden": "true" }, [symbol(MARKS[kind][0])]);
    return [at, styled(flag, `left:${centre(chart, at)}%`), own];
  });
}

function showTip(chart, tip, at, marks) {
  const lines = chart.series.filter((one) => one.values[at] !== null && one.texts[at]).reverse().map((one) =>
    node("div", {}, [swatch(one), node("span", { text: one.name }), node("b", { text: one.texts[at] })]));
  const earlier = chart.before?.texts[at];
  if (earlier) lines.push(node("div", {}, [node("i", { class: "thin" }), node("span", { text: chart.before.full[at] }), node("b", { text: earlier })]));
  for (const mark of marks.slice(0, TOLD)) lines.push(node("div", { class: `told is-${mark.kind}` }, [symbol(MARKS[mark.kind][0]), node("span", { text: mark.words })]));
  if (marks.length > TOLD) lines.push(node("div", { class: "told" }, [node("span", { text: `and ${marks.length - TOLD} more` })]));
  tip.replaceChildren(node("div", { class: "when", text: chart.full[at] }), ...lines);
  tip.style.cssText = centre(chart, at) > 50 ? `right:${100 - centre(chart, at)}%` : `left:${centre(chart, at)}%`;
  tip.hidden = !lines.length;
}

// The table is a view of the same figures, made when it is opened.
export function tableOf(chart, open) {
  const fold = node("details", {}, [node("summary", { text: "As a table" })]);
  fold.ontoggle = () => {
    if (!fold.open || fold.querySelector("table")) return;
    const heads = [chart.kind === "rows" ? "Name" : "Day", ...chart.series.map((one) => one.name), ...(chart.before ? [chart.before.name] : [])];
    const body = chart.labels.map((_, at) => {
      const first = chart.opens ? node("button", { type: "button", text: chart.full[at] }) : node("span", { text: chart.full[at] });
      if (chart.opens) first.onclick = () => open(at);
      return node("tr", {}, [node("th", { scope: "row" }, [first]), ...[...chart.series, ...(chart.before ? [chart.before] : [])].map((one) => node("td", { text: one.texts[at] }))]);
    });
    const head = node("thead", {}, [node("tr", {}, heads.map((text) => node("th", { scope: "col", text })))]);
    fold.append(node("div", { class: "scroll" }, [node("table", {}, [head, node("tbody", {}, body)])]));
  };
  return fold;
}

function symbol(text) {
  return node("span", { class: "icon", "aria-hidden": "true", text });
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
