// A table of runs as one element. All text is set as text, never as markup; a plain click opens a run in place, and
// the same link opened in another tab works too.
export default function ({ data, parentElement, setTriggerValue }) {
  const rows = data.rows.map((row) => lineOf(row, setTriggerValue));
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
    node("td", { class: "preview", title: row.preview }, [node("span", { text: row.preview })]),
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

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
