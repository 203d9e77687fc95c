// Incidents or rules as one element: what, how it stands, and what can be done about it. All text is set as text, never
// as markup; links and buttons name themselves by their place, and the program knows what they mean.
export default function ({ data, parentElement, setTriggerValue }) {
  const act = (row, deed) => setTriggerValue("done", { row, deed });
  const rows = node("ul", { class: "rows", "aria-label": data.label }, data.rows.map((row) => rowOf(row, act)));
  const old = parentElement.querySelector(".rows");
  old ? old.replaceWith(rows) : parentElement.append(rows);
}

function rowOf(row, act) {
  const head = node("div", { class: "head" }, [
    ...row.badges.map(badge),
    row.href ? link({ label: row.title, href: row.href, deed: "open" }, row, act, "title") : node("span", { class: "title", text: row.title }),
  ]);
  const facts = node("div", { class: "facts" }, row.facts.map(({ text, help }) => {
    const fact = node("span", { text });
    if (help) fact.title = help;
    return fact;
  }));
  const side = row.value ? [node("div", { class: "value", text: row.value })] : [];
  const deeds = node("div", { class: "deeds" }, [
    ...row.links.map((each) => link(each, row, act, "link")),
    ...row.actions.map((each) => button(each, row, act)),
  ]);
  const words = [head, ...(row.text ? [node("div", { class: "text", text: row.text })] : []), facts];
  return node("li", { "data-row": row.id, class: row.tone }, [node("div", { class: "words" }, words), ...side, deeds]);
}

function link({ label, href, deed }, row, act, kind) {
  const made = node("a", { href, class: kind, text: label });
  made.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    act(row.id, deed);
  };
  return made;
}

function button({ label, icon, deed }, row, act) {
  const mark = node("span", { class: "icon", "aria-hidden": "true", text: icon });
  const made = node("button", { type: "button", "aria-label": `${label}: ${row.title}` }, [mark, document.createTextNode(label)]);
  made.onclick = () => act(row.id, deed);
  return made;
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
