// A whole page: it merges what Python says into what stands there, and answers at once to what a person does.
import { node } from "../shared/dom";
import { addMenu, AddLine, type Wish } from "./adding";
import { Bars } from "./bars";
import { Frame } from "./frame";
import { byPlace, Grid } from "./grid";
import { Outbox } from "./outbox";
import { Shelf } from "./shelf";
import type { Data, Desk, Detail, Kind, Line, Place, ShelfItem } from "./types";
import gridStyles from "gridstack/dist/gridstack.min.css";
import chartStyles from "../../ionflux_ui/components/charts.css";
import styles from "./style.css";

interface Placing {
  place: Place;
  nonce: number;
}

export class Board implements Desk {
  readonly outbox: Outbox;
  readonly layer = node("div", { class: "layer" });
  readonly palette: string[];
  workspace = "";
  kinds: Kind[] = [];
  readOnly = false;
  private readonly root = node("div", { class: "page" });
  private readonly surface = node("div", { class: "grid-stack", tabindex: "-1", role: "group", "aria-label": "Blocks" });
  private readonly empty = node("p", { class: "quiet empty", text: "An empty page. Write a text below, type / for other blocks, or take an agent from the shelf." });
  private readonly live = node("div", { class: "spoken", role: "status", "aria-live": "polite" });
  private readonly mark = node("div", { class: "mark", hidden: true });
  private readonly bars: Bars;
  private readonly shelf: Shelf;
  private readonly line: AddLine;
  private readonly grid: Grid;
  private readonly style = node("style");
  private readonly frames = new Map<string, Frame>();
  private readonly known = new Map<string, Place>();
  private readonly placing = new Map<string, Placing>();
  private readonly removed = new Map<string, number>();
  private readonly told = new Set<string>();
  private gone: string | null = null;
  private awaited: { nonce: number; before: Set<string> } | null = null;
  private spot: { x: number; y: number } | null = null;
  private readonly clock: ReturnType<typeof setInterval>;
  private late: Data | null = null;
  // What was refused before this board stood here was told by another one.
  private readonly born = Date.now();

  constructor(root: ShadowRoot, data: Data, outbox: Outbox) {
    this.outbox = outbox;
    // Asked before anything is drawn: later the browser would work out the whole page's styles to answer.
    const colors = getComputedStyle(root.host).getPropertyValue("--st-chart-categorical-colors").split(",").map((color) => color.trim());
    this.palette = colors[0] ? colors : ["currentColor"];
    this.style.textContent = `${gridStyles}\n@scope (.drawn) { ${chartStyles} }\n${styles}`;
    this.bars = new Bars({
      add: (at) => addMenu(this.layer, at, this.kinds, (wish) => this.add(wish, null)),
      shelf: () => this.toggleShelf(), refresh: () => this.did("refresh"), stop: () => this.did("stop_refresh"), undo: () => this.undo(),
    });
    this.shelf = new Shelf({
      layer: this.layer, aim: (left, top, size) => this.aim(left, top, size), closed: () => this.toggleShelf(), put: (item, place) => this.addAgent(item, place),
    });
    this.line = new AddLine(this.layer, () => this.kinds, (wish) => this.add(wish, null));
    const main = node("div", { class: "main" }, [this.surface, this.empty, this.line.element, this.bars.bottom]);
    this.root.append(this.bars.top, node("div", { class: "across" }, [main, this.shelf.element]), this.live);
    root.append(this.style, this.root, this.layer);
    this.readOnly = data.page.read_only;
    this.grid = new Grid(this.surface, this.readOnly, () => this.placed(), () => this.turned());
    this.listen();
    this.update(data);
    this.clock = setInterval(() => this.frames.forEach((frame) => frame.tick()), 30_000);
  }

  get narrow(): boolean {
    return this.grid.narrow;
  }

  /** Takes what Python says now; while a block is being dragged only what is inside the blocks. */
  update(data: Data): void {
    this.late = this.grid.moving ? data : null;
    this.outbox.answered(data.answered);
    this.kinds = data.kinds;
    this.workspace = data.workspace;
    if (this.readOnly !== data.page.read_only) this.grid.lock(data.page.read_only);
    this.readOnly = data.page.read_only;
    this.root.classList.toggle("read-only", this.readOnly);
    for (const [id, nonce] of this.removed) if (nonce <= data.answered) this.removed.delete(id);
    const lines = data.blocks.filter((line) => !this.removed.has(line.id)).sort(byPlace);
    if (!this.grid.moving) this.arrange(lines, data.answered);
    for (const line of lines) this.frames.get(line.id)?.update(line, data);
    this.bars.update(data);
    this.shelf.update(data.shelf);
    this.line.element.hidden = this.readOnly;
    this.empty.hidden = lines.length > 0;
    this.undoable(data);
    this.refusals(data);
    this.arrived(data);
  }

  did(action: string, detail: Detail = {}): number {
    return this.outbox.put(action, detail);
  }

  announce(text: string): void {
    this.live.textContent = text;
  }

  place(block: string): Place {
    return this.grid.placeOf(this.frames.get(block)!.item);
  }

  move(block: string, place: Partial<Place>): void {
    this.grid.set(this.frames.get(block)!.item, place);
    this.placed();
    this.tellPlace(block);
  }

  step(block: string, key: string, resize: boolean): void {
    this.grid.step(this.frames.get(block)!.item, key, resize);
    this.placed();
    this.tellPlace(block);
    this.frames.get(block)!.item.scrollIntoView({ block: "nearest" });
  }

  fits(block: string, pixels: number): void {
    this.move(block, { height: this.grid.rows(pixels) });
  }

  remove(block: string): void {
    const frame = this.frames.get(block);
    if (!frame) return;
    const order = [...this.frames.values()].sort((one, other) => byPlace(this.place(one.line.id), this.place(other.line.id)));
    const next = order[order.indexOf(frame) + 1] ?? order[order.indexOf(frame) - 1];
    this.removed.set(block, this.did("remove", { block }));
    this.gone = block;
    this.bars.deleted(frame.line.title || frame.line.name);
    this.grid.together(() => this.drop(frame));
    this.announce("Deleted. Undo is offered below.");
    this.empty.hidden = this.frames.size > 0;
    (next?.element ?? this.line.field).focus({ preventScroll: true });
  }

  destroy(): void {
    this.outbox.close();
    clearInterval(this.clock);
    this.grid.destroy();
    this.root.remove();
    this.layer.remove();
    this.style.remove();
  }

  private undo(): void {
    if (this.gone) this.awaitNew(this.did("undo", { block: this.gone }));
    this.gone = null;
    this.bars.kept();
  }

  /** Adds, takes away and moves, so that the grid shows these lines. */
  private arrange(lines: Line[], answered: number): void {
    const wanted = new Map(lines.map((line) => [line.id, line]));
    const gone = [...this.frames.values()].filter((frame) => wanted.get(frame.line.id)?.type !== frame.line.type);
    const fresh = lines.filter((line) => !this.frames.has(line.id) || gone.some((frame) => frame.line.id === line.id));
    const moved = lines.filter((line) => this.takePlace(line, answered));
    if (!gone.length && !fresh.length && !moved.length) return;
    this.grid.together(() => {
      gone.forEach((frame) => this.drop(frame));
      fresh.forEach((line) => this.frames.set(line.id, new Frame(line, this)));
      this.surface.append(...fresh.map((line) => this.frames.get(line.id)!.item));
      if (moved.some((line) => !fresh.includes(line))) this.grid.lay(lines.map((line) => [this.frames.get(line.id)!.item, this.placing.get(line.id)?.place ?? line]));
      else fresh.forEach((line) => this.grid.add(this.frames.get(line.id)!.item, line));
    });
    this.sort();
  }

  private drop(frame: Frame): void {
    this.grid.remove(frame.item);
    this.frames.delete(frame.line.id);
    this.known.delete(frame.line.id);
  }

  /** Whether Python says another place than before; what was put elsewhere here wins until Python has heard of it. */
  private takePlace(line: Line, answered: number): boolean {
    const here = this.placing.get(line.id);
    if (here && here.nonce > answered) return false;
    this.placing.delete(line.id);
    const before = here?.place ?? this.known.get(line.id);
    const { x, y, width, height } = line;
    this.known.set(line.id, { x, y, width, height });
    return !before || !same(before, line);
  }

  /** Tells Python every place that is another one than it knows. */
  private placed(): void {
    const places: Record<string, Place> = {};
    for (const [id, frame] of this.frames) {
      const place = this.grid.placeOf(frame.item);
      const known = this.placing.get(id)?.place ?? this.known.get(id);
      if (!known || !same(known, place)) places[id] = place;
    }
    if (Object.keys(places).length) {
      const nonce = this.did("place", { places });
      for (const [id, place] of Object.entries(places)) this.placing.set(id, { place, nonce });
    }
    this.sort();
    if (this.late) this.update(this.late);
  }

  /** Reading order for the Tab key; not while somebody is inside, because a moved field would lose its caret. */
  private sort(): void {
    const active = (this.root.getRootNode() as ShadowRoot).activeElement;
    const inside = active && active !== this.surface && this.surface.contains(active) && !active.matches("article");
    if (inside) return;
    this.grid.sort();
    if (active instanceof HTMLElement && active.isConnected) active.focus({ preventScroll: true });
  }

  private tellPlace(block: string): void {
    const { x, y, width, height } = this.place(block);
    this.announce(`Column ${x + 1}, row ${y + 1}, ${width} wide, ${height} high`);
  }

  private add(wish: Wish, place: Place | null): void {
    this.awaitNew(this.did("add", { ...wish, ...(place ? { place } : {}) }));
  }

  private addAgent(item: ShelfItem, place: Place | null): void {
    const which = item.kind === "instance" ? { content: { agent_configuration_id: item.id } } : { definition: item.id };
    this.awaitNew(this.did("add", { type: "agent_snippet", ...which, ...(place ? { place } : {}) }));
  }

  private awaitNew(nonce: number): void {
    this.awaited = { nonce, before: new Set(this.frames.keys()) };
    this.announce("Adding");
  }

  /** The block that was asked for is there: it is shown, and a new text is open to be written. */
  private arrived({ answered }: Data): void {
    if (!this.awaited || this.awaited.nonce > answered) return;
    const { before } = this.awaited;
    const fresh = [...this.frames.values()].find((frame) => !before.has(frame.line.id));
    this.awaited = null;
    if (!fresh) return;
    this.placed();
    fresh.item.scrollIntoView({ block: "nearest" });
    fresh.element.focus({ preventScroll: true });
    const { content } = fresh.line.view;
    if (fresh.line.type === "text" && content && !content.markdown_text) fresh.edit();
    this.announce(`Added ${fresh.element.getAttribute("aria-label") ?? ""}`);
  }

  private undoable(data: Data): void {
    if (this.gone && data.blocks.some((line) => line.id === this.gone) && !this.removed.has(this.gone)) {
      this.gone = null;
      this.bars.kept();
    }
    if (!data.undo || this.gone || this.told.has(`undo ${data.undo}`) || this.frames.has(data.undo)) return;
    this.told.add(`undo ${data.undo}`);
    this.gone = data.undo;
    this.bars.deleted("the block");
  }

  private refusals(data: Data): void {
    for (const [nonce, refusal] of Object.entries(data.refused)) {
      const shown = this.told.has(nonce) || Number(nonce) < this.born || [...this.frames.values()].some((frame) => frame.claimed.has(nonce));
      if (!shown) this.bars.refused(refusal);
      this.told.add(nonce);
    }
  }

  private toggleShelf(): void {
    this.shelf.element.hidden = !this.shelf.element.hidden;
    if (!this.shelf.element.hidden) this.shelf.element.querySelector("input")?.focus();
  }

  private aim(left: number, top: number, size: { width: number; height: number }): Place | null {
    const cell = this.readOnly ? null : this.grid.cellAt(left, top);
    this.mark.hidden = !cell;
    if (!cell) return null;
    const place = { ...size, x: Math.min(cell.x, 12 - size.width), y: cell.y };
    if (!this.mark.isConnected) this.surface.append(this.mark);
    this.grid.outline(this.mark, place);
    return this.narrow ? null : place;
  }

  private turned(): void {
    for (const frame of this.frames.values()) frame.close();
    this.sort();
  }

  private listen(): void {
    for (const kind of ["keydown", "keypress", "keyup"]) this.root.addEventListener(kind, (event) => this.keepFromPage(event as KeyboardEvent));
    for (const kind of ["keydown", "keypress", "keyup"]) this.layer.addEventListener(kind, (event) => this.keepFromPage(event as KeyboardEvent));
    this.root.addEventListener("keydown", (event) => this.slash(event));
    this.surface.addEventListener("click", (event) => {
      if (event.target !== this.surface || this.readOnly || this.narrow) return;
      this.spot = this.grid.cellAt(event.clientX, event.clientY);
      this.surface.focus({ preventScroll: true });
    });
    this.surface.addEventListener("dblclick", (event) => {
      if (event.target === this.surface && !this.readOnly) this.addAt({ left: event.clientX, top: event.clientY }, this.grid.cellAt(event.clientX, event.clientY));
    });
  }

  /** A slash on an empty place or on a block opens the list of kinds there. */
  private slash(event: KeyboardEvent): void {
    if (event.key !== "/" || this.readOnly || event.ctrlKey || event.metaKey) return;
    const target = event.target as HTMLElement;
    const frame = [...this.frames.values()].find((one) => one.element === target);
    if (frame) {
      const { x, y, height } = this.place(frame.line.id);
      this.addAt(target, { x, y: y + height });
    } else if (target === this.surface) {
      const box = this.surface.getBoundingClientRect();
      const spot = this.spot ?? { x: 0, y: 0 };
      this.addAt({ left: box.left + (spot.x / 12) * box.width, top: box.top + spot.y * 56 }, spot);
    } else return;
    event.preventDefault();
  }

  private addAt(at: Element | { left: number; top: number }, cell: { x: number; y: number } | null): void {
    addMenu(this.layer, at, this.kinds, (wish) => {
      const kind = this.kinds.find((one) => one.type === wish.type);
      if (!cell || !kind) return this.add(wish, null);
      const width = Math.min(kind.width, Math.max(2, this.grid.freeFrom(cell.x, cell.y)));
      this.add(wish, { x: Math.min(cell.x, 12 - width), y: cell.y, width, height: kind.height });
    });
  }

  /** Keys pressed here are ours: the page's single-key shortcuts must not see them, its Ctrl and Cmd ones may. */
  private keepFromPage(event: KeyboardEvent): void {
    if (this.grid.moving && event.key === "Escape") return;
    if (event.defaultPrevented || !(event.ctrlKey || event.metaKey)) event.stopPropagation();
  }
}

function same(one: Place, other: Place): boolean {
  return one.x === other.x && one.y === other.y && one.width === other.width && one.height === other.height;
}
