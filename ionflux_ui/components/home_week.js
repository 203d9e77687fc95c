// The week in figures as one element: each with its change and the last fortnight as a thin line. All text is set as
// text, never as markup.
const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [100, 28];

export default function ({ data, parentElement, setTriggerValue }) {
  const tiles = data.tiles.map((tile) => tileOf(tile, () => setTriggerValue("opened", tile.about)));
  const week = node("div", { class: "week", role: "group", "aria-label": data.label }, tiles);
  // No line with one tile alone in it.
  week.style.setProperty("--columns", tiles.length < 6 ? tiles.length : tiles.length === 6 ? 3 : 4);
  const old = parentElement.querySelector(".week");
  old ? old.replaceWith(week) : parentElement.append(week);
}

function tileOf(tile, open) {
  const figure = node("span", { class: "figure" }, [
    node("strong", { class: tile.value === "–" ? "value none" : "value", text: tile.value }),
    ...(tile.change ? [node("span", { class: `change ${tile.tone}`, text: tile.change })] : []),
  ]);
  const made = node("button", { type: "button", class: "tile", title: tile.help }, [
    node("span", { class: "label", text: tile.label }),
    figure,
    ...(tile.days.length ? [lineOf(tile.days)] : []),
    ...(tile.note ? [node("span", { class: "note", text: tile.note })] : []),
  ]);
  made.onclick = open;
  return made;
}

// The week stands out, the week before is faint; a fortnight of nothing is a flat line.
function lineOf(days) {
  const most = Math.max(...days, 0) || 1;
  const at = (value, day) => `${((day * WIDTH) / Math.max(1, days.length - 1)).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`;
  const points = days.map(at);
  const middle = Math.floor(days.length / 2);
  const svg = part("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(
    part("polyline", { class: "before", points: points.slice(0, middle + 1).join(" ") }),
    part("polyline", { class: "now", points: points.slice(middle).join(" ") }),
  );
  return svg;
}

function part(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
