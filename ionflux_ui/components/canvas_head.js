// The head of a page: where it lies, its icon and title edited in place, and its menu. All text is set as text. It
// stands in the page itself and not in a shadow, so that the title is the page's heading for everyone.
export default function ({ data, parentElement, setTriggerValue }) {
  const did = (action, value = "") => setTriggerValue("did", { action, value, at: Date.now() });
  // Somebody is writing the title: what comes from elsewhere is drawn when they are done.
  if (parentElement.querySelector(".ionflux-title input:focus")) return;
  const menu = menuOf(data.menu, did);
  const head = node("div", { class: "ionflux-page-head" }, [
    data.crumbs.length ? crumbs(data.crumbs, did) : null,
    node("div", { class: "line" }, [
      iconOf(data, did),
      title(data, did),
      menu ? node("button", { type: "button", class: "more", "aria-label": "Menu of this page", title: "Menu of this page", "aria-haspopup": "menu", onclick: (event) => open(menu, event.currentTarget) }, [icon("more_horiz")]) : null,
      menu,
    ]),
  ]);
  parentElement.querySelector(".ionflux-page-head")?.remove();
  parentElement.append(head);
}

function crumbs(pages, did) {
  const parts = pages.flatMap((page) => {
    const link = node("a", { href: `canvas?${addressOf(page.id)}`, text: page.title });
    link.onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      did("open", page.id);
    };
    return [link, node("span", { "aria-hidden": "true", text: "/" })];
  });
  return node("nav", { class: "crumbs", "aria-label": "Where this page lies" }, parts);
}

function addressOf(id) {
  const address = new URLSearchParams(location.search);
  address.set("page", id);
  return address;
}

function iconOf({ page }, did) {
  const shown = /^[a-z0-9_]+$/.test(page.icon) ? icon(page.icon) : node("span", { class: page.icon ? "emoji" : "icon", text: page.icon || "article", "aria-hidden": "true" });
  if (page.read_only) return node("span", { class: "page-icon" }, [shown]);
  return node("button", { type: "button", class: "page-icon", "aria-label": "Change the icon", title: "Change the icon", onclick: () => did("icon") }, [shown]);
}

function title({ page }, did) {
  const heading = node("h1", { class: "ionflux-title" });
  const show = (text) => {
    if (page.read_only) return heading.replaceChildren(node("span", { text }));
    const button = node("button", { type: "button", text, title: "Click to rename", onclick: edit });
    heading.replaceChildren(button);
  };
  const edit = () => {
    const field = node("input", { type: "text", value: page.title, maxlength: 200, "aria-label": "Title of the page" });
    let done = false;
    const end = (keep) => {
      if (done) return;
      done = true;
      const text = field.value.trim();
      const changed = keep && text && text !== page.title;
      show(changed ? text : page.title);
      if (changed) did("rename", text);
    };
    field.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key !== "Enter" && event.key !== "Escape") return;
      // Else the same key presses the button that gets the keyboard now.
      event.preventDefault();
      end(event.key === "Enter");
      heading.querySelector("button")?.focus();
    };
    field.onblur = () => end(true);
    heading.replaceChildren(field);
    field.focus();
    field.select();
  };
  show(page.title);
  return heading;
}

function menuOf(entries, did) {
  if (!entries.length) return null;
  const menu = node("div", { popover: "auto", class: "menu", role: "menu", "aria-label": "Menu of this page" });
  menu.append(...entries.map((entry) => node("button", { type: "button", role: "menuitem", class: entry.grave ? "grave" : "", onclick: () => {
    menu.hidePopover();
    did(entry.key);
  } }, [icon(entry.icon), node("span", { text: entry.title })])));
  menu.onkeydown = (event) => {
    const all = [...menu.querySelectorAll("button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  };
  return menu;
}

function open(menu, button) {
  menu.showPopover();
  const at = button.getBoundingClientRect();
  menu.style.top = `${Math.max(8, Math.min(at.bottom + 4, innerHeight - menu.offsetHeight - 8))}px`;
  menu.style.left = `${Math.max(8, Math.min(at.right - menu.offsetWidth, innerWidth - menu.offsetWidth - 8))}px`;
  menu.querySelector("button")?.focus();
}

function icon(name) {
  return node("span", { class: "icon", "aria-hidden": "true", text: name });
}

function node(name, { text, onclick, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== "") made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (onclick) made.onclick = onclick;
  made.append(...children.filter(Boolean));
  return made;
}
