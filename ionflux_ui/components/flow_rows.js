// The flows of a workspace as one element. All text is set as text, never as markup; a plain click opens a flow in
// place, and the same link opened in another tab works too.
export default function ({ data, parentElement, setTriggerValue }) {
  const rows = node("ul", { class: "rows", "aria-label": data.label }, data.rows.map((row) => rowOf(row, setTriggerValue)));
  const old = parentElement.querySelector(".rows");
  old ? old.replaceWith(rows) : parentElement.append(rows);
}

function rowOf(row, setTriggerValue) {
  const link = node("a", { href: `?flow=${encodeURIComponent(row.id)}`, text: row.title });
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    setTriggerValue("opened", row.id);
  };
  const last = row.last
    ? node("div", { class: "last", title: row.last.help }, [small("Last"), badge(row.last.badge), document.createTextNode(row.last.when)])
    : node("div", { class: "last none", text: "Has not run yet" });
  const next = row.next
    ? node("div", { class: "next", title: row.next.help }, [small("Next"), document.createTextNode(row.next.when)])
    : node("div", { class: "next none", text: "No schedule" });
  return node("li", { "data-flow": row.id }, [
    node("div", { class: "name" }, [link, node("span", { class: "kind", text: `${row.name} · ${row.triggers}` })]),
    node("div", { class: "status", title: row.reason }, row.badges.map(badge)),
    last,
    next,
  ]);
}

function small(text) {
  return node("span", { class: "small", text });
}

function badge({ tone, icon, text }) {
  const mark = node("span", { class: "icon", "aria-hidden": "true", text: icon });
  return node("span", { class: `badge ${tone}` }, [mark, document.createTextNode(text)]);
}

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
