// A table of runs as one element. All text is set as text, never as markup; a plain click opens a run in place, and
// the same link opened in another tab works too.
export default function ({ data, parentElement, setTriggerValue }) {
  // What is ticked outlives the refreshes of the list.
  const ticked = (parentElement.ticked ??= new Set());
  if (!data.picking) ticked.clear();
  const rows = data.rows.map((row) => (data.picking ? pickable(row, ticked, setTriggerValue) : lineOf(row, setTriggerValue)));
  const head = node("thead", {}, [node("tr", {}, data.heads.map((name) => node("th", { scope: "col", text: name })))]);
  const table = node("table", { "aria-label": data.label }, [head, node("tbody", {}, rows)]);
  const old = parentElement.querySelector("table");
  const focused = old && parentElement.querySelector("a:focus")?.dataset.run;
  old ? old.replaceWith(table) : parentElement.append(table);
  // A refresh must not take the keyboard away from who is in the middle of the list.
  if (focused) table.querySelector(`a[data-run="${focused}"]`)?.focus();
}

function lineOf(row, setTriggerValue) {
  const address = new URLSearchParams(location.search);
  address.set("run", row.id);
  const link = node("a", { href: `?${address}`, text: row.agent, "data-run": row.id });
  const icon = node("span", { class: "icon", "aria-hidden": "true", text: row.icon });
  const badge = node("span", { class: `badge ${row.tone}` }, [icon, document.createTextNode(row.status)]);
  const marks = row.dry_run ? [node("span", { class: "mark", text: "dry run" })] : [];
  const line = node("tr", {}, [
    node("td", { class: "status" }, [badge]),
    node("td", { class: "agent" }, [link, ...marks]),
    node("td", { class: row.pieces ? "preview found" : "preview", title: row.preview }, [node("span", {}, said(row))]),
    node("td", { class: "trigger", text: row.trigger }),
    node("td", { class: "started", text: row.started, title: row.exact }),
    node("td", { class: "figure duration", text: row.duration }),
    node("td", { class: "figure cost", text: row.cost }),
  ]);
  line.onclick = (event) => {
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
    if (elsewhere || String(getSelection())) return;
    event.preventDefault();
    setTriggerValue("opened", row.id);
  };
  return line;
}

// A line that is ticked instead of opened; the second tick is the choice.
function pickable(row, ticked, setTriggerValue) {
  const line = lineOf(row, () => tick());
  const box = node("input", { type: "checkbox", "aria-label": `Compare ${row.agent}, ${row.started}` });
  const tick = () => {
    ticked.has(row.id) ? ticked.delete(row.id) : ticked.add(row.id);
    box.checked = ticked.has(row.id);
    if (ticked.size === 2) setTriggerValue("picked", [...ticked]);
  };
  box.checked = ticked.has(row.id);
  box.onclick = (event) => event.stopPropagation();
  box.onchange = tick;
  line.querySelector(".status").prepend(box);
  return line;
}

// What came out, or where a search was answered, its hits marked.
function said(row) {
  if (!row.pieces) return [document.createTextNode(row.preview)];
  return row.pieces.map(([text, hit]) => (hit ? node("mark", { text }) : document.createTextNode(text)));
}

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
