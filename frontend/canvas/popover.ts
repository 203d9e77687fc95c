// Small windows above the page: they close by Escape or a click beside them, and give the focus back.
import { button, icon, node } from "../shared/dom";

export interface Choice {
  key: string;
  title: string;
  hint?: string;
  icon?: string;
  grave?: boolean;
}

type At = Element | { left: number; top: number };

/** Opens `content` beside an element or a point; returns how to close it. */
export function popover(layer: HTMLElement, at: At, content: HTMLElement, closed: () => void = () => undefined): () => void {
  content.setAttribute("popover", "auto");
  content.classList.add("popover");
  layer.append(content);
  const back = (content.getRootNode() as ShadowRoot).activeElement as HTMLElement | null;
  const settle = (): void => put(content, at);
  content.addEventListener("toggle", (event) => {
    if ((event as ToggleEvent).newState !== "closed") return;
    document.removeEventListener("scroll", settle, true);
    content.remove();
    if (document.activeElement === document.body) back?.focus({ preventScroll: true });
    closed();
  });
  content.showPopover();
  settle();
  document.addEventListener("scroll", settle, true);
  return () => { if (content.isConnected) content.hidePopover(); };
}

function put(content: HTMLElement, at: At): void {
  const box = at instanceof Element ? at.getBoundingClientRect() : new DOMRect(at.left, at.top, 0, 0);
  const { offsetWidth: width, offsetHeight: height } = content;
  const left = Math.max(8, Math.min(box.left, innerWidth - width - 8));
  const below = box.bottom + 4;
  const top = below + height > innerHeight - 8 && box.top - height - 4 > 8 ? box.top - height - 4 : below;
  content.style.left = `${left}px`;
  content.style.top = `${Math.max(8, Math.min(top, innerHeight - height - 8))}px`;
}

/** A list of choices, filtered by text and walked by keys; whoever owns the keyboard hands them over. */
export class Choices {
  readonly element = node("div", { class: "choices", role: "listbox", tabindex: "-1" });
  private shown: Choice[] = [];
  private at = 0;
  private static made = 0;
  private readonly mark = `choices-${++Choices.made}`;

  constructor(label: string, private readonly all: Choice[], private readonly picked: (choice: Choice) => void) {
    this.element.setAttribute("aria-label", label);
    this.element.id = this.mark;
    this.filter("");
  }

  filter(text: string): void {
    const wanted = text.trim().toLowerCase();
    const rank = (one: Choice): number =>
      one.key.toLowerCase().startsWith(wanted) || one.title.toLowerCase().startsWith(wanted) ? 0
        : `${one.key} ${one.title} ${one.hint ?? ""}`.toLowerCase().includes(wanted) ? 1 : 2;
    this.shown = this.all.filter((one) => rank(one) < 2).sort((one, other) => rank(one) - rank(other));
    this.at = 0;
    const none = node("p", { class: "quiet", text: "Nothing of that name." });
    this.element.replaceChildren(...(this.shown.length ? this.shown.map((one, at) => this.option(one, at)) : [none]));
    this.showChosen();
  }

  /** Whether the key meant the list. */
  key(event: KeyboardEvent): boolean {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const chosen = this.shown[this.at];
    if (step && this.shown.length) this.at = (this.at + step + this.shown.length) % this.shown.length;
    else if (event.key === "Home") this.at = 0;
    else if (event.key === "End") this.at = this.shown.length - 1;
    else if (event.key === "Enter" && chosen) this.picked(chosen);
    else return false;
    event.preventDefault();
    this.showChosen();
    return true;
  }

  /** Ties the list to the field or box that has the keyboard. */
  owner(owner: HTMLElement): void {
    this.owned = owner;
    owner.setAttribute("aria-controls", this.mark);
    this.showChosen();
  }

  private owned: HTMLElement | null = null;

  private option(choice: Choice, at: number): HTMLElement {
    const made = node("div", { role: "option", id: `${this.mark}-${at}`, class: choice.grave ? "choice grave" : "choice", "data-key": choice.key }, [
      choice.icon ? icon(choice.icon) : null, node("span", { class: "what", text: choice.title }),
      choice.hint ? node("span", { class: "hint", text: choice.hint }) : null,
    ]);
    made.addEventListener("pointermove", () => { this.at = at; this.showChosen(); });
    made.addEventListener("pointerdown", (event) => event.preventDefault());
    made.addEventListener("click", () => this.picked(choice));
    return made;
  }

  private showChosen(): void {
    [...this.element.children].forEach((option, at) => {
      if (option.getAttribute("role") !== "option") return;
      option.setAttribute("aria-selected", String(at === this.at));
      if (at === this.at && this.owned) option.scrollIntoView({ block: "nearest" });
    });
    this.owned?.setAttribute("aria-activedescendant", this.shown.length ? `${this.mark}-${this.at}` : "");
  }
}

/** A menu to choose from, with a field that filters when `filter` is given its label. */
export function menu(layer: HTMLElement, at: At, label: string, choices: Choice[], picked: (choice: Choice) => void, filter = ""): () => void {
  const list = new Choices(label, choices, (choice) => { close(); picked(choice); });
  const box = node("div", { class: "menu" });
  let keyboard: HTMLElement = list.element;
  if (filter) {
    const field = node("input", { type: "text", class: "field", placeholder: filter, "aria-label": filter, role: "combobox", "aria-expanded": "true", autocomplete: "off" });
    field.addEventListener("input", () => list.filter(field.value.replace(/^\//, "")));
    box.append(field);
    keyboard = field;
  }
  box.append(list.element);
  box.addEventListener("keydown", (event) => { if (list.key(event)) event.stopPropagation(); });
  const close = popover(layer, at, box);
  keyboard.focus({ preventScroll: true });
  list.owner(keyboard);
  return close;
}

/** A small form of labelled fields; `done` is given what was typed. */
export function form(layer: HTMLElement, at: At, title: string, fields: { key: string; label: string; value: string; type?: string; min?: number; max?: number }[],
  verb: string, done: (values: Record<string, string>) => void): void {
  const inputs = fields.map((field) => node("input", {
    class: "field", type: field.type ?? "text", value: field.value, min: field.min, max: field.max, name: field.key, required: field.type === "number",
  }));
  const rows = fields.map((field, at) => node("label", {}, [node("span", { text: field.label }), inputs[at]]));
  const box = node("form", { class: "small form", "aria-label": title }, [
    node("h4", { text: title }), node("div", { class: "rows" }, rows), button(verb, { class: "primary" }, () => box.requestSubmit()),
  ]);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    box.requestSubmit();
  });
  box.addEventListener("submit", (event) => {
    event.preventDefault();
    close();
    done(Object.fromEntries(inputs.map((input) => [input.name, input.value])));
  });
  const close = popover(layer, at, box);
  inputs[0]?.focus();
  inputs[0]?.select();
}
