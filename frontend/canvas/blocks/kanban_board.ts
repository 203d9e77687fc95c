// A board of columns with cards: dragged, or moved by Shift and the arrow keys.
import { button, icon, node } from "../../shared/dom";
import { form, menu } from "../popover";
import { drawing, type Content, type Host, type View } from "../types";
import { cutNote, noteOf, quiet } from "./parts";

interface Card {
  title: string;
  text?: string;
  done?: boolean;
}

interface Column {
  title: string;
  cards: Card[];
}

interface BoardView extends View {
  columns: Column[];
  cards: number;
  done: number;
  cut: boolean;
  editable: boolean;
}

interface At {
  column: number;
  card: number;
}

const DRAG_PX = 5;

export const kind = drawing<BoardView>({ type: "kanban_board", draw, after });

function draw(view: BoardView, host: Host): (Node | null)[] {
  const can = view.editable && !host.readOnly && Boolean(view.content);
  const count = view.cards ? quiet(`${view.done} of ${view.cards} done`) : null;
  return [noteOf(view), new Lanes(view, host, can).element, view.cut ? cutNote(host) : count];
}

function after(view: BoardView, content: Content): BoardView {
  const { columns } = content.json_data_to_display as { columns: Column[] };
  const cards = columns.flatMap((column) => column.cards);
  return { ...view, columns, cards: cards.length, done: cards.filter((card) => card.done).length };
}

class Lanes {
  readonly element = node("div", { class: "lanes", "data-scroll": "" });

  constructor(private readonly view: BoardView, private readonly host: Host, private readonly can: boolean) {
    this.element.append(...view.columns.map((column, at) => this.lane(column, at)));
    if (can) this.element.append(button("Column", { icon: "add", class: "plain add-lane" }, () => this.change((columns) => { columns.push({ title: "New column", cards: [] }); })));
  }

  private lane(column: Column, at: number): HTMLElement {
    const more = this.can ? button(`Column ${column.title}`, { icon: "more_horiz", hidden: true, class: "plain" }, () => this.laneMenu(more!, at)) : null;
    const head = node("h4", {}, [node("span", { text: column.title || "(no name)" }), node("span", { class: "quiet", text: String(column.cards.length) }), more]);
    const add = this.can ? button("Card", { icon: "add", class: "plain" }, () => this.addCard(add!, at)) : null;
    if (add) add.dataset.key = `add-${at}`;
    const cards = node("div", { class: "cards" }, column.cards.map((card, number) => this.card(card, { column: at, card: number })));
    return node("section", { class: "lane", "aria-label": column.title, "data-column": at }, [head, cards, add]);
  }

  private card(card: Card, at: At): HTMLElement {
    const box = node("input", { type: "checkbox", checked: Boolean(card.done), disabled: !this.can, "aria-label": `Done: ${card.title}`, tabindex: "-1" });
    box.addEventListener("change", () => { box.blur(); this.tick(at); });
    const made = node("div", {
      class: card.done ? "card done" : "card", tabindex: "0", role: "group", "data-key": `card-${at.column}-${at.card}`,
      "aria-label": `${card.title}${card.done ? ", done" : ""}`, "aria-description": this.can ? "Enter edits, Space ticks, Shift and an arrow key moves, Delete removes" : null,
    }, [box, this.can ? node("span", { class: "handle", "aria-hidden": "true" }, [icon("drag_indicator")]) : null, node("div", {}, [node("p", { class: "name", text: card.title || "(no title)" }), card.text ? node("p", { class: "quiet", text: card.text }) : null])]);
    made.addEventListener("keydown", (event) => this.key(event, made, at));
    if (!this.can) return made;
    made.addEventListener("dblclick", () => this.edit(made, at));
    made.addEventListener("pointerdown", (event) => this.grab(event, made, at));
    return made;
  }

  private key(event: KeyboardEvent, card: HTMLElement, at: At): void {
    if (event.target !== card || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = event.key.startsWith("Arrow");
    if (arrow && event.shiftKey && this.can) this.shift(at, event.key);
    else if (arrow && !event.shiftKey) this.focus(this.beside(at, event.key));
    else if (!this.can) return;
    else if (event.key === "Enter") this.edit(card, at);
    else if (event.key === " ") this.tick(at);
    else if (event.key === "Delete" || event.key === "Backspace") this.change((columns) => { columns[at.column]?.cards.splice(at.card, 1); });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private beside(at: At, key: string): At {
    const across = Number(key === "ArrowRight") - Number(key === "ArrowLeft");
    const column = Math.max(0, Math.min(this.view.columns.length - 1, at.column + across));
    const last = Math.max(0, (this.view.columns[column]?.cards.length ?? 1) - 1);
    return { column, card: Math.max(0, Math.min(last, at.card + Number(key === "ArrowDown") - Number(key === "ArrowUp"))) };
  }

  private shift(at: At, key: string): void {
    const across = key === "ArrowLeft" || key === "ArrowRight";
    const to = this.beside(at, key);
    if (across && to.column === at.column) return;
    this.move(at, across ? { column: to.column, card: Math.min(at.card, this.view.columns[to.column]!.cards.length) } : to);
  }

  private move(from: At, to: At): void {
    if (from.column === to.column && from.card === to.card) return;
    this.change((columns) => {
      const [card] = columns[from.column]!.cards.splice(from.card, 1);
      if (card) columns[to.column]!.cards.splice(to.card, 0, card);
    });
    this.focus(to);
    const lane = this.view.columns[to.column]!;
    this.host.announce(`Moved to ${lane.title}, place ${to.card + 1}`);
  }

  private focus(at: At): void {
    const root = this.element.isConnected ? this.element : (this.host.layer.getRootNode() as ShadowRoot).querySelector(`[data-block="${CSS.escape(this.host.line.id)}"]`);
    root?.querySelector<HTMLElement>(`[data-key="card-${at.column}-${at.card}"]`)?.focus();
  }

  private tick(at: At): void {
    this.change((columns) => {
      const card = columns[at.column]?.cards[at.card];
      if (card) card.done = !card.done;
    });
  }

  private edit(anchor: HTMLElement, at: At): void {
    const card = this.view.columns[at.column]?.cards[at.card];
    const fields = [{ key: "title", label: "Title", value: card?.title ?? "" }, { key: "text", label: "Text", value: card?.text ?? "" }];
    form(this.host.layer, anchor, "Card", fields, "Save", (typed) => this.change((columns) => {
      const cards = columns[at.column]!.cards;
      cards[at.card] = { ...cards[at.card]!, title: typed.title ?? "", text: typed.text ?? "" };
    }));
  }

  private addCard(anchor: HTMLElement, column: number): void {
    const fields = [{ key: "title", label: "Title", value: "" }, { key: "text", label: "Text", value: "" }];
    form(this.host.layer, anchor, "New card", fields, "Add", ({ title = "", text = "" }) => {
      if (title.trim()) this.change((columns) => { columns[column]?.cards.push({ title: title.trim(), text, done: false }); });
    });
  }

  private laneMenu(anchor: HTMLElement, at: number): void {
    const { title, cards } = this.view.columns[at]!;
    const choices = [
      { key: "rename", title: "Rename", icon: "edit" }, { key: "left", title: "Move left", icon: "arrow_back" }, { key: "right", title: "Move right", icon: "arrow_forward" },
      { key: "remove", title: cards.length ? `Remove with ${cards.length} ${cards.length === 1 ? "card" : "cards"}` : "Remove", icon: "delete", grave: true },
    ];
    menu(this.host.layer, anchor, `Column ${title}`, choices, ({ key }) => {
      if (key === "rename") form(this.host.layer, anchor, "Rename the column", [{ key: "title", label: "Title", value: title }], "Rename", (typed) => this.change((columns) => { columns[at]!.title = typed.title ?? title; }));
      else this.change((columns) => {
        const [lane] = columns.splice(at, 1);
        if (lane && key !== "remove") columns.splice(Math.max(0, at + (key === "left" ? -1 : 1)), 0, lane);
      });
    });
  }

  /** Follows the pointer with a copy of the card; a mark shows where it would come to lie. */
  private grab(down: PointerEvent, card: HTMLElement, from: At): void {
    if (down.button !== 0 || (down.target as Element).closest("input")) return;
    const mark = node("div", { class: "landing" });
    let ghost: HTMLElement | null = null;
    let to: At | null = null;
    const move = (event: PointerEvent): void => {
      if (!ghost && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < DRAG_PX) return;
      if (!ghost) {
        ghost = this.lift(card);
        this.host.state.held = true;
        card.setPointerCapture(down.pointerId);
      }
      ghost.style.translate = `${event.clientX - down.clientX}px ${event.clientY - down.clientY}px`;
      to = this.under(event.clientX, event.clientY, mark);
    };
    const end = (event: PointerEvent): void => {
      for (const [name, listener] of listeners) card.removeEventListener(name, listener as EventListener);
      ghost?.remove();
      mark.remove();
      card.classList.remove("lifted");
      delete this.host.state.held;
      if (!ghost) return;
      if (to && event.type === "pointerup") this.drop(from, to);
      else this.host.redraw();
    };
    const listeners: [string, (event: PointerEvent) => void][] = [["pointermove", move], ["pointerup", end], ["pointercancel", end]];
    for (const [name, listener] of listeners) card.addEventListener(name, listener as EventListener);
  }

  private lift(card: HTMLElement): HTMLElement {
    const box = card.getBoundingClientRect();
    const ghost = card.cloneNode(true) as HTMLElement;
    ghost.classList.add("ghost");
    ghost.style.cssText = `left:${box.left}px;top:${box.top}px;width:${box.width}px`;
    this.host.layer.append(ghost);
    card.classList.add("lifted");
    return ghost;
  }

  /** The place under the pointer, counted as if the lifted card were still there. */
  private under(left: number, top: number, mark: HTMLElement): At | null {
    const lane = [...this.element.querySelectorAll<HTMLElement>(".lane")].find((one) => {
      const box = one.getBoundingClientRect();
      return left >= box.left && left <= box.right && top >= box.top - 20 && top <= box.bottom + 40;
    });
    if (!lane) return mark.remove(), null;
    const cards = [...lane.querySelectorAll<HTMLElement>(".card")];
    const below = cards.findIndex((one) => top < one.getBoundingClientRect().top + one.offsetHeight / 2);
    const at = below < 0 ? cards.length : below;
    lane.querySelector(".cards")!.insertBefore(mark, cards[at] ?? null);
    return { column: Number(lane.dataset.column), card: at };
  }

  private drop(from: At, to: At): void {
    const card = from.column === to.column && to.card > from.card ? to.card - 1 : to.card;
    this.move(from, { column: to.column, card });
    if (from.column === to.column && from.card === card) this.host.redraw();
  }

  private change(edit: (columns: Column[]) => void): void {
    const content = structuredClone(this.view.content!) as Content;
    const stored = (content.json_data_to_display ?? { columns: [] }) as { columns: Column[] };
    edit(stored.columns);
    this.host.save({ ...content, json_data_to_display: stored });
  }
}
