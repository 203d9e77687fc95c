// A list of things to open, as one element: a name, what it is about, facts, and code in small. All text is text.
export default function ({ data, parentElement, setTriggerValue }) {
  const list = node("ul", { class: data.grid ? "list grid" : "list", "aria-label": data.label }, data.items.map((item) => lineOf(item, setTriggerValue)));
  const old = parentElement.querySelector(".list");
  old ? old.replaceWith(list) : parentElement.append(list);
}

function lineOf(item, trigger) {
  const head = [node("strong", { text: item.title })];
  if (item.facts) head.push(node("span", { class: `facts ${item.tone ?? ""}`, text: item.facts, title: item.exact }));
  const parts = [node("span", { class: "head" }, head)];
  if (item.about) parts.push(node("span", { class: "about", text: item.about }));
  if (item.code) parts.push(node("code", { text: item.code }));
  const button = node("button", { type: "button", class: item.open ? "open" : "", "data-id": item.id }, parts);
  if (item.open) button.setAttribute("aria-current", "true");
  button.onclick = () => trigger("opened", item.id);
  return node("li", {}, [button]);
}

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== null) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
