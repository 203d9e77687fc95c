// What Python sends (ionflux_ui/canvas_board.py) and what the parts of the board offer one another.

export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Status {
  word: string;
  tone: string;
}

export interface Target {
  page: string;
  parameters: Record<string, string>;
}

export interface Line extends Place {
  id: string;
  name: string;
  type: string;
  title: string;
  icon: string;
  revision: number;
  stale: boolean;
  computes: boolean;
  busy: boolean;
  status: Status | null;
  age: string | null;
  error: { message: string; hint?: string; run?: string | null } | null;
  view: View;
}

/** Every view has these; a kind's own file names the rest. */
export interface View {
  content?: Content | null;
  references?: string[];
  state?: string;
  note?: string;
}

export type Content = Record<string, unknown>;

export interface Kind {
  type: string;
  title: string;
  hint: string;
  icon: string;
  width: number;
  height: number;
  computes: boolean;
}

export interface ShelfItem {
  kind: "instance" | "definition";
  id: string;
  name: string;
  epithet: string;
  status: string;
}

export interface Refusal {
  message: string;
  hint: string;
}

export interface Data {
  workspace: string;
  page: { id: string; title: string; read_only: boolean };
  blocks: Line[];
  kinds: Kind[];
  shelf: ShelfItem[];
  refreshing: { total: number; done: number; block: string } | null;
  undo: string | null;
  /** The newest act that Python has done, and those it would not do, by the act's number. */
  answered: number;
  refused: Record<string, Refusal>;
  /** Acts that met a newer revision, by the act's number. */
  conflicts: Record<string, unknown>;
  topics: string[];
}

export type Detail = Record<string, unknown>;

/** What a block's drawing may ask of the page. `state` survives a redraw and a change from elsewhere. */
export interface Host {
  readonly line: Line;
  readonly readOnly: boolean;
  /** A run of it goes on, or is about to. */
  readonly busy: boolean;
  readonly state: Record<string, unknown>;
  readonly layer: HTMLElement;
  readonly workspace: string;
  /** The theme's colours for charts, told apart by all eyes. */
  readonly palette: string[];
  did(action: string, detail?: Detail): void;
  save(content: Content): void;
  edit(): void;
  close(): void;
  redraw(): void;
  announce(text: string): void;
}

/** An open editor in place of the body. */
export interface Editor {
  element: HTMLElement;
  focus(): void;
}

/** How one kind of block is drawn, edited, and looks at once when `content` is on its way to Python. */
export interface Drawing {
  type: string;
  /** Shown without a frame until it is looked at. */
  quiet?: boolean;
  draw(view: View, host: Host): (Node | null)[];
  edit?(view: View, host: Host): Editor;
  after?(view: View, content: Content): View;
}

/** A drawing whose kind's view is known to its own file only. */
export function drawing<V extends View>(made: {
  type: string;
  quiet?: boolean;
  draw(view: V, host: Host): (Node | null)[];
  edit?(view: V, host: Host): Editor;
  after?(view: V, content: Content): V;
}): Drawing {
  return made as unknown as Drawing;
}

/** What a frame may ask of the board it stands on. */
export interface Desk {
  readonly layer: HTMLElement;
  readonly workspace: string;
  readonly palette: string[];
  readonly kinds: Kind[];
  readonly readOnly: boolean;
  readonly narrow: boolean;
  did(action: string, detail?: Detail): number;
  announce(text: string): void;
  place(block: string): Place;
  move(block: string, place: Partial<Place>): void;
  step(block: string, key: string, resize: boolean): void;
  remove(block: string): void;
  fits(block: string, pixels: number): void;
}
