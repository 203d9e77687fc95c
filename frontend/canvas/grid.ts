// The grid under the blocks: gridstack does dragging, resizing and packing; places are counted in cells.
import { GridStack, type GridItemHTMLElement } from "gridstack";
import type { Place } from "./types";

const COLUMNS = 12;
const CELL_PX = 56;
const GAP_PX = 6;
const NARROW_PX = 640;

export class Grid {
  readonly element: HTMLElement;
  narrow = false;
  moving = false;
  private readonly stack: GridStack;
  private readonly watch: ResizeObserver;

  constructor(element: HTMLElement, private readOnly: boolean, private readonly placed: () => void, turned: () => void) {
    this.element = element;
    this.stack = GridStack.init({
      auto: false, column: COLUMNS, cellHeight: CELL_PX, margin: GAP_PX, animate: false, minRow: 1,
      draggable: { handle: ".head", scroll: true }, resizable: { handles: "e,s,se" }, alwaysShowResizeHandle: "mobile",
      staticGrid: readOnly, styleInHead: false,
    }, element as GridItemHTMLElement)!;
    this.stack.on("dragstart resizestart", () => { this.moving = true; });
    this.stack.on("dragstop resizestop", () => { this.moving = false; this.placed(); });
    this.watch = new ResizeObserver(() => this.turn(turned));
    this.watch.observe(element);
    this.turn(() => undefined);
  }

  /** Makes several changes as one. */
  together(changes: () => void): void {
    this.stack.batchUpdate();
    changes();
    this.stack.batchUpdate(false);
  }

  /** Lays everything anew, first things first, so that nobody pushes away who comes later. */
  lay(items: [HTMLElement, Place][]): void {
    this.stack.removeAll(false, false);
    items.sort(([, one], [, other]) => byPlace(one, other)).forEach(([item, place]) => this.add(item, place));
  }

  /** How many cells are free from this one to the right. */
  freeFrom(x: number, y: number): number {
    let width = 0;
    while (x + width < COLUMNS && this.stack.isAreaEmpty(x + width, y, 1, 1)) width++;
    return width;
  }

  add(item: HTMLElement, place: Place): void {
    if (item.parentElement !== this.element) this.element.append(item);
    this.stack.makeWidget(item, { ...inside(place), minW: 1, minH: 1 });
  }

  remove(item: HTMLElement): void {
    this.stack.removeWidget(item, true, false);
  }

  set(item: HTMLElement, place: Partial<Place>): void {
    this.stack.update(item, inside({ ...this.placeOf(item), ...place }));
  }

  placeOf(item: HTMLElement): Place {
    const { x = 0, y = 0, w = 1, h = 1 } = (item as GridItemHTMLElement).gridstackNode ?? {};
    return { x, y, width: w, height: h };
  }

  /** One step by an arrow key. Sideways by a cell; up and down past the neighbour, because gaps close by themselves. */
  step(item: HTMLElement, key: string, resize: boolean): void {
    const place = this.placeOf(item);
    const across = Number(key === "ArrowRight") - Number(key === "ArrowLeft");
    const down = Number(key === "ArrowDown") - Number(key === "ArrowUp");
    if (resize) this.set(item, { width: Math.max(1, place.width + across), height: Math.max(1, place.height + down) });
    else if (across) this.set(item, { x: Math.min(COLUMNS - place.width, Math.max(0, place.x + across)) });
    else this.pass(item, place, down);
  }

  private pass(item: HTMLElement, place: Place, down: number): void {
    const others = this.items().filter((one) => one !== item).map((one) => this.placeOf(one))
      .filter((one) => this.narrow || (one.x < place.x + place.width && place.x < one.x + one.width));
    if (down > 0) {
      const below = others.filter((one) => one.y >= place.y + (this.narrow ? 0 : place.height)).sort(byPlace)[0];
      if (below) this.set(item, { y: below.y + below.height });
      return;
    }
    const above = others.filter((one) => one.y <= place.y).sort(byPlace).at(-1);
    if (above) this.set(item, { y: above.y });
  }

  /** The cell under a point of the window, or null beside the grid. */
  cellAt(left: number, top: number): { x: number; y: number } | null {
    const box = this.element.getBoundingClientRect();
    if (left < box.left || left > box.right || top < box.top || top > box.bottom + 3 * CELL_PX) return null;
    const x = Math.floor(((left - box.left) / box.width) * COLUMNS);
    return { x: Math.min(COLUMNS - 1, Math.max(0, x)), y: Math.max(0, Math.floor((top - box.top) / CELL_PX)) };
  }

  /** Shows where something would land. */
  outline(mark: HTMLElement, place: Place): void {
    const { x, y, w, h } = inside(place);
    mark.style.cssText = `left:${(x / COLUMNS) * 100}%;width:${(w / COLUMNS) * 100}%;top:${y * CELL_PX}px;height:${h * CELL_PX}px`;
  }

  items(): HTMLElement[] {
    return [...this.element.querySelectorAll<HTMLElement>(":scope > .grid-stack-item:not(.grid-stack-placeholder)")];
  }

  /** Puts the elements in reading order for the Tab key and for one column; what has its place keeps its frames. */
  sort(): void {
    this.items().sort((one, other) => byPlace(this.placeOf(one), this.placeOf(other))).forEach((item, at) => {
      item.style.order = String(at);
      const here = this.items()[at];
      if (here !== item) moveBefore(this.element, item, here ?? null);
    });
  }

  /** How many rows show a content of so many pixels. */
  rows(pixels: number): number {
    return Math.ceil((pixels + 2 * GAP_PX) / CELL_PX);
  }

  lock(readOnly: boolean): void {
    this.readOnly = readOnly;
    this.stack.setStatic(this.readOnly || this.narrow);
  }

  destroy(): void {
    this.watch.disconnect();
    this.stack.destroy(false);
  }

  private turn(turned: () => void): void {
    const width = this.element.clientWidth;
    const narrow = width > 0 && width < NARROW_PX;
    if (narrow === this.narrow) return;
    this.narrow = narrow;
    this.element.classList.toggle("narrow", narrow);
    this.lock(this.readOnly);
    turned();
  }
}

function inside(place: Place): { x: number; y: number; w: number; h: number } {
  const w = Math.min(COLUMNS, Math.max(1, place.width));
  return { x: Math.min(COLUMNS - w, Math.max(0, place.x)), y: Math.max(0, place.y), w, h: Math.max(1, place.height) };
}

export function byPlace(one: Place, other: Place): number {
  return one.y - other.y || one.x - other.x;
}

/** `moveBefore` keeps what a frame or a film shows; where the browser does not know it, a plain move. */
function moveBefore(parent: HTMLElement, item: HTMLElement, before: Node | null): void {
  const keeping = parent as HTMLElement & { moveBefore?: (item: Node, before: Node | null) => void };
  if (keeping.moveBefore) keeping.moveBefore(item, before);
  else parent.insertBefore(item, before);
}
