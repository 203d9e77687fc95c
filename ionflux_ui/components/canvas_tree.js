// The tree of pages as one element. Titles are set as text, never as markup; a plain click opens a page in place, and
// the same link opened in another tab works too. What is folded stays folded while the session lasts.
const FOLDED = "ionflux-folded-pages";

export default function ({ data, parentElement, setTriggerValue }) {
  const folded = new Set(read());
  const focused = parentElement.querySelector("nav a:focus, nav button:focus")?.dataset.key;
  for (const page of wayTo(data)) folded.delete(page);
  const draw = () => {
    const nav = node("nav", { "aria-label": "Pages" }, [head(data, setTriggerValue), list(data, folded, setTriggerValue, toggle)]);
    const old = parentElement.querySelector("nav");
    old ? old.replaceWith(nav) : parentElement.append(nav);
  };
  const toggle = (id) => {
    folded.has(id) ? folded.delete(id) : folded.add(id);
    sessionStorage.setItem(FOLDED, JSON.stringify([...folded]));
    draw();
    parentElement.querySelector(`button[data-key="fold ${id}"]`)?.focus();
  };
  draw();
  // A rerun must not take the keyboard away from who is in the middle of the tree.
  if (focused) parentElement.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function head(data, setTriggerValue) {
  const ask = (what) => () => setTriggerValue("asked", what);
  const tool = (key, label, symbol) => node("button", { type: "button", "aria-label": label, title: label, "data-key": key, onclick: ask(key) }, [icon(symbol)]);
  return node("div", { class: "head" }, [
    node("span", { class: "name", text: "Pages" }),
    tool("templates", "Templates", "dashboard_customize"),
    tool("archived", "Archived pages", "inventory_2"),
    tool("import", "Import a page", "upload_file"),
    tool("new", "New page", "add"),
  ]);
}

function list(data, folded, setTriggerValue, toggle) {
  const lines = [];
  let hiddenBelow = null;
  data.pages.forEach((page, at) => {
    if (hiddenBelow !== null && page.depth > hiddenBelow) return;
    hiddenBelow = folded.has(page.id) ? page.depth : null;
    const parent = (data.pages[at + 1]?.depth ?? 0) > page.depth;
    lines.push(line(page, parent, folded.has(page.id), data.current === page.id, setTriggerValue, toggle));
  });
  return node("ul", {}, lines);
}

function line(page, parent, folded, current, setTriggerValue, toggle) {
  const address = new URLSearchParams(location.search);
  address.set("page", page.id);
  const fold = parent
    ? node("button", { type: "button", class: "fold", "aria-expanded": String(!folded), "aria-label": `Pages below ${page.title}`, "data-key": `fold ${page.id}`, onclick: () => toggle(page.id) }, [icon(folded ? "chevron_right" : "expand_more")])
    : node("span", { class: "fold" });
  const link = node("a", { href: `canvas?${address}`, "data-key": page.id, title: page.title }, [pageIcon(page.icon), node("span", { class: "title", text: page.title })]);
  if (current) link.setAttribute("aria-current", "page");
  link.onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    if (!current) setTriggerValue("opened", page.id);
  };
  const below = node("button", { type: "button", class: "below", "aria-label": `New page below ${page.title}`, title: "New page below this one", "data-key": `below ${page.id}`, onclick: () => setTriggerValue("asked", `new ${page.id}`) }, [icon("add")]);
  const item = node("li", { class: current ? "current" : "" }, [fold, link, below]);
  item.style.setProperty("--depth", page.depth);
  return item;
}

// The pages above the one that is open: they must not be folded away.
function wayTo(data) {
  const at = data.pages.findIndex((page) => page.id === data.current);
  const way = [];
  for (let i = at - 1, depth = data.pages[at]?.depth ?? 0; i >= 0 && depth > 0; i--) {
    if (data.pages[i].depth < depth) way.push(data.pages[i].id), (depth = data.pages[i].depth);
  }
  return way;
}

function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(FOLDED) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function pageIcon(name) {
  return /^[a-z0-9_]+$/.test(name) ? icon(name) : node("span", { class: name ? "emoji" : "icon", "aria-hidden": "true", text: name || "article" });
}

function icon(name) {
  return node("span", { class: "icon", "aria-hidden": "true", text: name });
}

function node(name, { text, onclick, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== "") made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (onclick) made.onclick = onclick;
  made.append(...children);
  return made;
}
