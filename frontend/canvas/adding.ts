// Ways to a new block: the button, the slash menu, and a line to write in at the end of the page.
import { button, node } from "../shared/dom";
import { Choices, menu, popover, type Choice } from "./popover";
import type { Kind } from "./types";

export interface Wish {
  type: string;
  content?: Record<string, unknown>;
}

export function choicesOf(kinds: Kind[]): Choice[] {
  return kinds.map((kind) => ({ key: kind.type, title: kind.title, hint: kind.hint, icon: kind.icon }));
}

export function addMenu(layer: HTMLElement, at: Element | { left: number; top: number }, kinds: Kind[], picked: (wish: Wish) => void): void {
  menu(layer, at, "Add a block", choicesOf(kinds), ({ key }) => picked({ type: key }), "Add a block: type to filter");
}

/** A line in which Enter makes a text block and a slash opens the list of kinds. */
export class AddLine {
  readonly element: HTMLElement;
  readonly field = node("input", {
    class: "field", type: "text", autocomplete: "off", role: "combobox", "aria-expanded": "false",
    "aria-label": "Add a block: write a text, or type / for other blocks", placeholder: "Write, or type / for a block",
  });
  private list: Choices | null = null;
  private close: () => void = () => undefined;

  constructor(private readonly layer: HTMLElement, private readonly kinds: () => Kind[], private readonly picked: (wish: Wish) => void) {
    const open = button("Add a block", { icon: "add", hidden: true, class: "plain" }, () => addMenu(layer, open, kinds(), picked));
    this.element = node("div", { class: "add-line" }, [open, this.field]);
    this.field.addEventListener("input", () => this.typed());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("blur", () => this.close());
  }

  private typed(): void {
    const text = this.field.value;
    if (!text.startsWith("/")) return this.close();
    if (!this.list) this.open();
    this.list?.filter(text.slice(1));
  }

  private key(event: KeyboardEvent): void {
    if (this.list?.key(event)) return;
    const text = this.field.value.trim();
    if (event.key === "Escape") this.close();
    else if (event.key !== "Enter" || !text || text.startsWith("/") || event.isComposing) return;
    else this.take({ type: "text", content: { title_text: "", markdown_text: this.field.value } });
    event.preventDefault();
  }

  private open(): void {
    this.list = new Choices("Blocks", choicesOf(this.kinds()), ({ key }) => this.take({ type: key }));
    const box = node("div", { class: "menu" }, [this.list.element]);
    this.close = popover(this.layer, this.field, box, () => {
      this.list = null;
      this.close = () => undefined;
      this.field.setAttribute("aria-expanded", "false");
    });
    this.list.owner(this.field);
    this.field.setAttribute("aria-expanded", "true");
  }

  private take(wish: Wish): void {
    this.close();
    this.field.value = "";
    this.picked(wish);
  }
}
