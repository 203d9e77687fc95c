// What is at hand to be put on the page: own agents and those that can be set up, clicked or dragged onto the grid.
import { button, icon, node } from "../shared/dom";
import type { Place, ShelfItem } from "./types";

const DRAG_PX = 6;
const PLACE = { width: 6, height: 6 };

export interface Shelter {
  layer: HTMLElement;
  /** The cells where it would land at this point, with a mark drawn there, or null beside the grid. */
  aim(left: number, top: number, size: { width: number; height: number }): Place | null;
  put(item: ShelfItem, place: Place | null): void;
  closed(): void;
}

export class Shelf {
  readonly element = node("aside", { class: "shelf", "aria-label": "Shelf of agents", hidden: true });
  private readonly list = node("div", { class: "items" });
  private readonly field = node("input", { class: "field", type: "search", placeholder: "Find an agent", "aria-label": "Find an agent" });
  private items: ShelfItem[] = [];
  private shown = "";

  constructor(private readonly shelter: Shelter) {
    const close = button("Close the shelf", { icon: "close", hidden: true, class: "plain" }, () => shelter.closed());
    this.element.append(node("header", {}, [node("h3", { text: "Agents" }), close]), this.field, this.list);
    this.field.addEventListener("input", () => this.draw());
  }

  update(items: ShelfItem[]): void {
    const now = JSON.stringify(items);
    if (now === this.shown) return;
    this.shown = now;
    this.items = items;
    this.draw();
  }

  private draw(): void {
    const wanted = this.field.value.trim().toLowerCase();
    const found = this.items.filter((item) => `${item.name} ${item.epithet}`.toLowerCase().includes(wanted));
    const part = (title: string, kind: ShelfItem["kind"]): HTMLElement[] => {
      const items = found.filter((item) => item.kind === kind);
      return items.length ? [node("h4", { text: title }), ...items.map((item) => this.item(item))] : [];
    };
    const parts = [...part("Your agents", "instance"), ...part("Can be set up", "definition")];
    this.list.replaceChildren(...(parts.length ? parts : [node("p", { class: "quiet", text: "No agent of that name." })]));
  }

  private item(item: ShelfItem): HTMLElement {
    const made = node("button", { type: "button", class: "shelf-item", title: "Click to add at the end, or drag onto the page" }, [
      icon(item.kind === "instance" ? "smart_toy" : "add_circle"),
      node("span", {}, [node("span", { class: "name", text: item.name }), node("span", { class: "quiet", text: item.epithet })]),
    ]);
    let dragged = false;
    made.addEventListener("pointerdown", (event) => { dragged = false; this.grab(event, made, item, () => { dragged = true; }); });
    made.addEventListener("click", () => { if (!dragged) this.shelter.put(item, null); });
    return made;
  }

  private grab(down: PointerEvent, made: HTMLElement, item: ShelfItem, started: () => void): void {
    if (down.button !== 0) return;
    // At once: a quick hand leaves the button before it has moved far enough to be a drag.
    made.setPointerCapture(down.pointerId);
    let ghost: HTMLElement | null = null;
    let place: Place | null = null;
    const move = (event: PointerEvent): void => {
      if (!ghost && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < DRAG_PX) return;
      if (!ghost) {
        started();
        ghost = made.cloneNode(true) as HTMLElement;
        ghost.classList.add("ghost");
        this.shelter.layer.append(ghost);
      }
      ghost.style.cssText = `left:${event.clientX + 8}px;top:${event.clientY + 8}px`;
      place = this.shelter.aim(event.clientX, event.clientY, PLACE);
    };
    const end = (event: PointerEvent): void => {
      made.removeEventListener("pointermove", move);
      made.removeEventListener("pointerup", end);
      made.removeEventListener("pointercancel", end);
      if (!ghost) return;
      ghost.remove();
      this.shelter.aim(-1, -1, PLACE);
      if (place && event.type === "pointerup") this.shelter.put(item, place);
    };
    made.addEventListener("pointermove", move);
    made.addEventListener("pointerup", end);
    made.addEventListener("pointercancel", end);
  }
}
