// A chart as a picture to take away: SVG, or PNG made from it, drawn here from the same data and never sent anywhere.
const WIDE = 1200, HIGH = 640, LEFT = 90, RIGHT = 30, TOP = 140, BOTTOM = 60, NAMES = 320;

export default function ({ data, parentElement }) {
  const box = document.createElement("div");
  box.className = "files";
  box.append(button("PNG", () => asPng(data)), button("SVG", () => save(`${data.chart.key}.svg`, "image/svg+xml", drawn(data))));
  const old = parentElement.querySelector(".files");
  old ? old.replaceWith(box) : parentElement.append(box);
}

function button(text, work) {
  const made = document.createElement("button");
  const icon = document.createElement("span");
  icon.className = "icon";
  icon.setAttribute("aria-hidden", "true");
  icon.textContent = "image";
  made.type = "button";
  made.append(icon, document.createTextNode(text));
  made.onclick = () => work(made);
  return made;
}

// On white, in the colours of the light theme: a picture goes onto paper and slides.
function drawn({ chart, words }) {
  const rows = chart.kind === "rows";
  const high = rows ? Math.max(HIGH, TOP + BOTTOM + chart.labels.length * 34) : HIGH;
  const parts = [`<rect width="${WIDE}" height="${high}" fill="#ffffff"/>`, text(LEFT - 50, 44, chart.title, { size: 24, weight: 600 }), text(LEFT - 50, 70, words, { size: 14, fill: "#5f5f6c" }), ...legend(chart)];
  parts.push(...(rows ? bars(chart, high) : plot(chart)));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDE}" height="${high}" viewBox="0 0 ${WIDE} ${high}" font-family="Inter, Helvetica, Arial, sans-serif">${parts.join("")}</svg>`;
}

function legend(chart) {
  if (chart.series.length < 2 && !chart.before) return [];
  let x = LEFT - 50;
  const names = [...chart.series.map((one) => [one.name, colorOf(one), ""]), ...(chart.before ? [[chart.before.name, "#5f5f6c", "5 4"]] : [])];
  return names.map(([name, color, dash]) => {
    const mark = dash ? `<path d="M${x} 92h14" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>` : `<rect x="${x}" y="86" width="12" height="12" rx="2" fill="${color}"/>`;
    const out = x > WIDE - 120 ? "" : mark + text(x + 20, 97, name.slice(0, 40), { size: 13 });
    x += 44 + Math.min(name.length, 40) * 7.2;
    return out;
  });
}

function plot(chart) {
  const width = WIDE - LEFT - RIGHT, height = HIGH - TOP - BOTTOM, [low, top] = chart.range;
  const y = (value) => TOP + height - ((value - low) / (top - low || 1)) * height;
  const step = width / chart.labels.length, x = (at) => LEFT + (at + 0.5) * step;
  const grid = chart.ticks.map(([value, label]) => `<path d="M${LEFT} ${y(value)}H${WIDE - RIGHT}" stroke="#dcdce5"/>${text(LEFT - 10, y(value) + 4, label, { size: 13, fill: "#5f5f6c", anchor: "end" })}`);
  const every = Math.ceil(chart.labels.length / 12);
  const days = chart.labels.map((label, at) => (at % every ? "" : text(x(at), HIGH - BOTTOM + 24, label, { size: 13, fill: "#5f5f6c", anchor: "middle" })));
  const unit = chart.unit ? [text(LEFT - 10, TOP - 12, chart.unit, { size: 13, fill: "#5f5f6c", anchor: "end" })] : [];
  return [...grid, ...days, ...unit, ...(chart.kind === "columns" ? columns(chart, x, y, step) : lines(chart, x, y)), ...before(chart, x, y)];
}

function columns(chart, x, y, step) {
  const wide = Math.max(1, step * 0.78);
  return chart.labels.flatMap((_, at) => {
    let under = 0;
    return chart.series.filter((one) => one.values[at]).map((one) => {
      const from = y(under), to = y((under += one.values[at]));
      return `<rect x="${x(at) - wide / 2}" y="${to}" width="${wide}" height="${Math.max(0, from - to)}" fill="${colorOf(one)}"${one.hatched ? ' fill-opacity="0.55"' : ""}/>`;
    });
  });
}

function lines(chart, x, y) {
  return chart.series.map((one) => {
    const points = one.values.map((value, at) => (value === null ? null : [x(at), y(value)])).filter(Boolean);
    const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colorOf(one)}"/>`).join("");
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${colorOf(one)}" stroke-width="2"/>${dots}`;
  });
}

function before(chart, x, y) {
  if (!chart.before) return [];
  const points = chart.before.values.map((value, at) => (value === null ? null : [x(at), y(value)])).filter(Boolean);
  return [`<polyline points="${points.join(" ")}" fill="none" stroke="#5f5f6c" stroke-width="1.5" stroke-dasharray="5 4"/>`];
}

function bars(chart, high) {
  const from = LEFT - 50 + NAMES, width = WIDE - from - RIGHT - 150;
  const top = Math.max(...chart.series.flatMap((one) => one.values.map((value) => value ?? 0))) || 1;
  const each = Math.min(46, (high - TOP - BOTTOM) / chart.labels.length);
  return chart.labels.map((label, at) => {
    const y = TOP + at * each, marks = chart.series.map((one, number) => {
      const to = ((one.values[at] ?? 0) / top) * width;
      return number ? `<rect x="${from + to - 3}" y="${y + 2}" width="4" height="${each - 10}" fill="${colorOf(one)}"/>` : `<rect x="${from}" y="${y + 5}" width="${Math.max(1, to)}" height="${each - 16}" rx="2" fill="${colorOf(one)}"/>`;
    });
    const figure = chart.series.map((one) => one.texts[at]).join(" · ");
    return text(LEFT - 50, y + each / 2 + 2, label.slice(0, 44), { size: 14 }) + marks.join("") + text(WIDE - RIGHT, y + each / 2 + 2, figure, { size: 13, anchor: "end" });
  });
}

// A colour of the theme is asked of the browser; on paper it is that of the light one.
const LIGHT = { green: "#127447", red: "#c22431", blue: "#1d63c8", orange: "#955800", gray: "#5f5f6c" };

function colorOf(series) {
  const named = /^var\(--st-([a-z]+)-text-color\)$/.exec(series.color);
  return named ? LIGHT[named[1]] ?? "#5f5f6c" : series.color;
}

function text(x, y, words, { size, fill = "#17171f", weight = 400, anchor = "start" }) {
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}">${escaped(words)}</text>`;
}

function escaped(words) {
  return String(words).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "");
}

function asPng(data) {
  const picture = new Image();
  picture.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [picture.width * 2, picture.height * 2];
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => saved(`${data.chart.key}.png`, blob), "image/png");
  };
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawn(data))}`;
}

function save(name, type, text) {
  saved(name, new Blob([text], { type }));
}

function saved(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
