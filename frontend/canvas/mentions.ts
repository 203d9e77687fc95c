// Names after "@" in a text: pages, agents, brands and creators, put in as links of this workspace.
import { base } from "../shared/live";
import { Popup, type Option } from "../shared/popup";

interface Hit {
  kind: string;
  title: string;
  hint: string;
  page: string;
  parameters: Record<string, string>;
}

const NAMED = new Set(["page", "agent", "brand", "creator"]);
const TYPED = /(?:^|[\s(])@([^@\n[\]]{0,40})$/;
const PAUSE_MS = 120;
const MOST = 8;
let made = 0;

/** Completes names in a field; `element` is the list, to stand near it, and `changed` is called after each one. */
export class Mentions {
  readonly element: HTMLElement;
  private readonly popup: Popup;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  constructor(private readonly field: HTMLTextAreaElement, private readonly workspace: string, private readonly changed: () => void) {
    const id = `mentions-${++made}`;
    this.popup = new Popup(id, (option) => this.accept(option));
    this.element = this.popup.element;
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": id, "aria-expanded": "false" })) {
      field.setAttribute(name, value);
    }
    field.addEventListener("input", () => this.look());
    field.addEventListener("click", () => this.look());
    field.addEventListener("blur", () => this.hide());
    field.addEventListener("keydown", (event) => this.key(event));
  }

  private look(): void {
    clearTimeout(this.timer);
    const typed = this.typed();
    if (typed === null) return this.hide();
    this.timer = setTimeout(() => void this.ask(typed), PAUSE_MS);
  }

  private async ask(typed: string): Promise<void> {
    const number = ++this.asked;
    const address = new URL("palette", base());
    address.search = String(new URLSearchParams({ workspace: this.workspace, q: typed.trim() || "@" }));
    const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
    const hits: Hit[] = answer?.ok ? (await answer.json()).hits : [];
    if (number !== this.asked || this.typed() !== typed) return;
    const from = this.before().length - typed.length - 1;
    this.popup.show(hits.filter((hit) => NAMED.has(hit.kind)).slice(0, MOST).map((hit) => ({
      label: hit.title, hint: hit.kind, help: hit.hint, insert: `${link(hit)} `, from, exact: false,
    })));
    this.name();
  }

  private key(event: KeyboardEvent): void {
    const option = this.popup.option;
    if (!option || event.isComposing || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.popup.move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Enter" || event.key === "Tab") this.accept(option);
    else if (event.key === "Escape") this.hide();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.name();
  }

  private accept(option: Option): void {
    const caret = this.field.selectionStart;
    this.field.setRangeText(option.insert, option.from, caret, "end");
    this.hide();
    this.field.focus();
    this.changed();
  }

  private hide(): void {
    clearTimeout(this.timer);
    this.asked += 1;
    this.popup.hide();
    this.name();
  }

  private name(): void {
    this.field.setAttribute("aria-expanded", String(this.popup.open));
    if (this.popup.active) this.field.setAttribute("aria-activedescendant", this.popup.active);
    else this.field.removeAttribute("aria-activedescendant");
  }

  private before(): string {
    return this.field.value.slice(0, this.field.selectionStart);
  }

  /** What has been typed behind the "@" before the caret; null when there is none. */
  private typed(): string | null {
    const found = TYPED.exec(this.before().slice(-60));
    return found && found[1]!.split(" ").length <= 4 ? found[1]! : null;
  }
}

/** A name as Markdown that leads to it; nothing in the name is markup. */
function link(hit: Hit): string {
  const name = hit.title.replace(/[\\`*_{}[\]()<>#|~!]/g, "\\$&");
  return `[${name}](${hit.page}?${String(new URLSearchParams(hit.parameters))})`;
}
