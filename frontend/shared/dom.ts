// Elements made from data: attributes and text only, so that nothing in the data is ever read as markup.

type Attribute = string | number | boolean | null | undefined;
type Child = Node | null | undefined | false;

/** An element. `text` is its text, `on<event>` is set as a listener, true is an empty attribute, null and false none. */
export function node<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Attribute | EventListener> = {},
  children: Child[] = [],
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "text") made.textContent = String(value ?? "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child): child is Node => Boolean(child)));
  return made;
}

/** A Material symbol by its name, for those who see; a label beside it says the same. */
export function icon(name: string): HTMLElement {
  return node("span", { class: "icon", "aria-hidden": "true", text: name.replace(/[^a-z0-9_]/g, "") });
}

/** A button with an icon, a label, or both; a label that is not shown is still spoken. */
export function button(label: string, options: { icon?: string; hidden?: boolean; class?: string; disabled?: boolean }, pressed: (event: Event) => void): HTMLButtonElement {
  const shown = options.hidden ? [] : [document.createTextNode(label)];
  const made = node("button", { type: "button", class: options.class, disabled: options.disabled, "aria-label": options.hidden ? label : null, title: options.hidden ? label : null }, [
    options.icon ? icon(options.icon) : null, ...shown,
  ]);
  made.addEventListener("click", pressed);
  return made;
}

/** Put these children in place of those that are there. */
export function fill(parent: Element | ShadowRoot, children: Child[]): void {
  parent.replaceChildren(...children.filter((child): child is Node => Boolean(child)));
}
