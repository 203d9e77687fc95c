// The command palette: a field and a list over the page. The server is asked at each pause of typing; an answer that
// comes late for what is typed by then is dropped.
import { fill, icon, node } from "../shared/dom";
import { base } from "../shared/live";
import style from "./palette.css";

export interface Chosen {
  page: string;
  parameters: Record<string, string>;
}

interface Hit extends Chosen {
  kind: string;
  title: string;
  hint: string;
  icon: string;
}

const PAUSE = 60;
const RECENT = "ionflux-recent";
const MOST_RECENT = 6;
const COLOURS = ["--st-text-color", "--st-background-color", "--st-secondary-background-color", "--st-border-color", "--st-primary-color",
  "--st-gray-text-color", "--st-font", "--st-base-radius"];

export class Palette {
  private readonly field: HTMLInputElement;
  private readonly list: HTMLElement;
  private readonly said: HTMLElement;
  private readonly dialog: HTMLDialogElement;
  private readonly outer: HTMLElement;
  private hits: Hit[] = [];
  private at = 0;
  private asked = 0;
  private timer = 0;

  constructor(public workspace: string, private readonly host: Element, private readonly choose: (chosen: Chosen) => void) {
    this.field = node("input", {
      type: "text", role: "combobox", "aria-label": "Search everything", "aria-expanded": "true", "aria-controls": "hits", autocomplete: "off",
      spellcheck: "false", maxlength: 100, placeholder: "Pages, agents, runs, prompts …   > actions   @ names   # channels",
    });
    this.list = node("ul", { id: "hits", role: "listbox", "aria-label": "Found" });
    this.said = node("p", { class: "said", role: "status" });
    this.dialog = node("dialog", { "aria-label": "Search everything" }, [
      node("div", { class: "field" }, [icon("search"), this.field, node("kbd", { text: "Esc" })]), this.list, this.said,
    ]);
    this.outer = node("div", { "data-ionflux-palette": true });
    this.outer.attachShadow({ mode: "open" }).append(node("style", { text: style }), this.dialog);
    document.body.append(this.outer);
    this.field.addEventListener("input", () => this.askSoon());
    this.field.addEventListener("keydown", (event) => this.steer(event));
    // A click on the ground beside the box closes it, as Escape does.
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    document.addEventListener("keydown", this.shortcut, true);
  }

  open(): void {
    if (this.dialog.open) return;
    const look = getComputedStyle(this.host);
    for (const name of COLOURS) this.outer.style.setProperty(name, look.getPropertyValue(name));
    this.field.value = "";
    this.dialog.showModal();
    this.show(recent(this.workspace));
    void this.ask();
  }

  destroy(): void {
    document.removeEventListener("keydown", this.shortcut, true);
    clearTimeout(this.timer);
    this.outer.remove();
  }

  private readonly shortcut = (event: KeyboardEvent): void => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.dialog.open ? this.dialog.close() : this.open();
  };

  private askSoon(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), PAUSE);
  }

  private async ask(): Promise<void> {
    const question = this.field.value, number = ++this.asked;
    const address = new URL("palette", base());
    address.search = String(new URLSearchParams({ workspace: this.workspace, q: question }));
    let hits: Hit[] = [];
    let said = "";
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      const body = await answer.json();
      if (answer.ok) hits = body.hits;
      else said = String(body.detail ?? "That did not work.");
    } catch {
      said = "The server does not answer. Try again in a moment.";
    }
    if (number !== this.asked || !this.dialog.open) return;
    const known = question ? [] : recent(this.workspace);
    this.show([...known, ...hits.filter((hit) => !known.some((one) => same(one, hit)))], said || (hits.length || !question ? "" : "Nothing is called so."));
  }

  private show(hits: Hit[], said = ""): void {
    this.hits = hits;
    this.at = 0;
    this.said.textContent = said;
    fill(this.list, hits.map((hit, number) => this.line(hit, number)));
    this.mark();
  }

  private line(hit: Hit, number: number): HTMLElement {
    const line = node("li", { id: `hit-${number}`, role: "option", "aria-selected": "false" }, [
      icon(hit.icon || "article"), node("span", { class: "title", text: hit.title }), node("span", { class: "hint", text: hit.hint }),
      node("span", { class: "kind", text: hit.kind }),
    ]);
    line.addEventListener("click", () => this.take(number));
    line.addEventListener("pointermove", () => {
      if (this.at !== number) {
        this.at = number;
        this.mark();
      }
    });
    return line;
  }

  private steer(event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const step = steps[event.key];
    if (step !== undefined && this.hits.length) {
      event.preventDefault();
      const last = this.hits.length - 1;
      this.at = Math.abs(step) === 1 ? (this.at + step + last + 1) % (last + 1) : Math.min(last, Math.max(0, this.at + step));
      this.mark();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      this.take(this.at);
    }
  }

  private mark(): void {
    [...this.list.children].forEach((line, number) => line.setAttribute("aria-selected", String(number === this.at)));
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", this.hits.length ? `hit-${this.at}` : "");
  }

  private take(number: number): void {
    const hit = this.hits[number];
    if (!hit) return;
    remember(this.workspace, hit);
    this.dialog.close();
    this.choose({ page: hit.page, parameters: hit.parameters });
  }
}

function same(one: Hit, other: Hit): boolean {
  return one.page === other.page && one.title === other.title && JSON.stringify(one.parameters) === JSON.stringify(other.parameters);
}

/** What was chosen last in this tab; a browser that keeps nothing simply has none. */
function recent(workspace: string): Hit[] {
  try {
    return JSON.parse(sessionStorage.getItem(`${RECENT} ${workspace}`) ?? "[]");
  } catch {
    return [];
  }
}

function remember(workspace: string, hit: Hit): void {
  const kept = [hit, ...recent(workspace).filter((one) => !same(one, hit))].slice(0, MOST_RECENT);
  try {
    sessionStorage.setItem(`${RECENT} ${workspace}`, JSON.stringify(kept));
  } catch {
    // A full or forbidden store only means that the list begins anew.
  }
}
