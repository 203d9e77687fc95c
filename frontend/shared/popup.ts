// The list of what may come next while one writes.
import { node } from "./dom";

export interface Option {
  label: string;
  hint: string;
  help: string;
  /** What is put in place of the text from `from` to the caret. */
  insert: string;
  from: number;
  /** What was typed is already this: Enter sends it instead of completing. */
  exact: boolean;
}

/** The list of options below one another; the field keeps the keyboard and names the option that is chosen. */
export class Popup {
  readonly element = node("ul", { class: "popup", role: "listbox", "aria-label": "Completions", hidden: true });
  private options: Option[] = [];
  private at = 0;

  constructor(private readonly id: string, private readonly chosen: (option: Option) => void) {
    this.element.id = id;
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  get option(): Option | undefined {
    return this.open ? this.options[this.at] : undefined;
  }

  /** The id of the chosen option's element, for the field. */
  get active(): string | null {
    return this.open ? `${this.id}-${this.at}` : null;
  }

  show(options: Option[]): void {
    const before = this.option?.label;
    this.options = options;
    this.at = Math.max(0, options.findIndex((option) => option.label === before));
    this.element.hidden = !options.length;
    this.draw();
  }

  hide(): void {
    this.show([]);
  }

  move(step: number): void {
    this.at = (this.at + step + this.options.length) % this.options.length;
    this.draw();
  }

  private draw(): void {
    this.element.replaceChildren(...this.options.map((option, place) => {
      const line = node("li", { role: "option", id: `${this.id}-${place}`, "aria-selected": String(place === this.at) }, [
        node("span", { class: "label", text: option.label }),
        option.hint ? node("span", { class: "quiet hint", text: option.hint }) : null,
        option.help ? node("span", { class: "quiet help", text: option.help }) : null,
      ]);
      // The field must not lose the keyboard to the press.
      line.addEventListener("pointerdown", (event) => event.preventDefault());
      line.addEventListener("click", () => this.chosen(option));
      return line;
    }));
    this.element.children[this.at]?.scrollIntoView({ block: "nearest" });
  }
}
