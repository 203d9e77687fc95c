// One chain as a picture: boxes from left to right by cause, each leading to its page, and the same as a list.
import { icon, node } from "../shared/dom";
import type { Tell } from "./index";
import { type Badge, address, badge, goesElsewhere, toneOf } from "./parts";

interface Box {
  id: string;
  cause: string | null;
  kind: string;
  word: string;
  icon: string;
  title: string;
  short: string;
  detail: string;
  time: string;
  exact: string;
  status: Badge | null;
  column: number;
  row: number;
  size: number;
  here: boolean;
  page: string;
  parameters: Record<string, string>;
}

export interface ChainData {
  boxes: Box[];
  label: string;
}

const WIDE = 216, UNIT = 36, DOWN = 8, ACROSS = 36, EDGE = 2, INNER = 10, ENTRY = 14, ROOM = 62;
const SVG = "http://www.w3.org/2000/svg";

export function drawChain(place: HTMLElement, data: ChainData, tell: Tell): void {
  const root = place.getRootNode() as ShadowRoot;
  const focused = root.activeElement?.getAttribute("data-box");
  const scrolled = place.querySelector(".picture")?.scrollLeft ?? 0;
  const open = place.querySelector("details")?.open ?? false;
  const picture = node("div", { class: "picture", role: "group", "aria-label": data.label }, [drawn(data, tell)]);
  const list = node("details", { open }, [node("summary", { text: "The same as a list" }), listed(data, tell)]);
  const plain = node("div", { class: "cards" }, [listed(data, tell)]);
  place.replaceChildren(picture, list, plain);
  for (const text of picture.querySelectorAll<SVGTextElement>("text[data-room]")) fit(text);
  picture.scrollLeft = scrolled;
  if (focused) picture.querySelector<SVGElement>(`[data-box="${CSS.escape(focused)}"]`)?.focus();
}

function drawn(data: ChainData, tell: Tell): SVGElement {
  const columns = Math.max(0, ...data.boxes.map((box) => box.column)) + 1;
  const rows = Math.max(1, ...data.boxes.map((box) => box.row + box.size));
  const wide = columns * (WIDE + ACROSS) - ACROSS + 2 * EDGE, high = rows * UNIT - DOWN + 2 * EDGE;
  const by = new Map(data.boxes.map((box) => [box.id, box]));
  const lines = data.boxes.flatMap((box) => {
    const cause = box.cause ? by.get(box.cause) : undefined;
    return cause ? [line(cause, box)] : [];
  });
  return shape("svg", { width: wide, height: high, viewBox: `0 0 ${wide} ${high}` }, [...lines, ...data.boxes.map((box) => boxed(box, tell))]);
}

function place(box: Box): { x: number; y: number; high: number } {
  return { x: EDGE + box.column * (WIDE + ACROSS), y: EDGE + box.row * UNIT, high: box.size * UNIT - DOWN };
}

function line(cause: Box, box: Box): SVGElement {
  const from = place(cause), to = place(box);
  // All lines enter at the height of a first line, so that what stands beside its cause is met by a straight one.
  const x = from.x + WIDE, y = from.y + ENTRY, end = to.y + ENTRY, turn = x + ACROSS / 2, bend = Math.min(8, Math.abs(end - y) / 2);
  const down = Math.sign(end - y);
  const path = down
    ? `M${x} ${y}H${turn - bend}Q${turn} ${y} ${turn} ${y + down * bend}V${end - down * bend}Q${turn} ${end} ${turn + bend} ${end}H${to.x}`
    : `M${x} ${y}H${to.x}`;
  return shape("path", { class: "line", d: path });
}

function boxed(box: Box, tell: Tell): SVGElement {
  const { x, y, high } = place(box);
  const status = box.status;
  const inner = [
    shape("title", { text: [box.title, status?.text, box.detail, box.exact].filter(Boolean).join("\n") }),
    shape("rect", { x, y, width: WIDE, height: high, rx: 8 }),
    ...(box.size > 1 ? twoLines(box, x, y) : oneLine(box, x, y)),
  ];
  const look = `box ${box.kind}${box.here ? " here" : ""}${status ? ` is-${toneOf(status.tone)}` : ""}`;
  if (!box.page) return shape("g", { class: look }, inner);
  const link = shape("a", { class: look, href: address(box.page, box.parameters), "aria-label": said(box), "data-box": box.id }, inner);
  link.addEventListener("click", (event) => go(event as MouseEvent, box, tell));
  return link;
}

/** A step or a quiet fact: how it stands, what it is, when. */
function oneLine(box: Box, x: number, y: number): SVGElement[] {
  const tone = box.status ? `${toneOf(box.status.tone)}-text` : "";
  const event = box.kind === "event";
  return [
    glyph(event ? box.icon : (box.status?.icon ?? box.icon), x + INNER, y + 17, event ? "kind" : `small ${tone}`),
    words(box.short, x + INNER + 20, y + 18, WIDE - 2 * INNER - 20 - ROOM, "quiet"),
    shape("text", { x: x + WIDE - INNER, y: y + 18, class: "small time", text: box.time }),
  ];
}

/** All else: what kind of thing and when; its name; and how it stands. */
function twoLines(box: Box, x: number, y: number): SVGElement[] {
  const status = box.status;
  const tone = status ? `${toneOf(status.tone)}-text` : "";
  const told = [status?.text, box.detail].filter(Boolean).join(" · ");
  const shift = status ? 18 : 0;
  return [
    glyph(box.icon, x + INNER, y + 17, "kind"),
    words(box.word, x + INNER + 20, y + 17, 90, "small"),
    shape("text", { x: x + WIDE - INNER, y: y + 17, class: "small time", text: box.time }),
    words(box.short, x + INNER, y + 35, WIDE - 2 * INNER, "title"),
    ...(status ? [glyph(status.icon, x + INNER, y + 53, `small ${tone}`)] : []),
    words(told, x + INNER + shift, y + 53, WIDE - 2 * INNER - shift, `small ${tone}`),
  ];
}

function glyph(name: string, x: number, y: number, look: string): SVGElement {
  return shape("text", { x, y: y + 2, class: `icon ${look}`, "aria-hidden": "true", text: name.replace(/[^a-z0-9_]/g, "") });
}

function words(text: string, x: number, y: number, room: number, look: string): SVGElement {
  return shape("text", { x, y, class: look, "data-room": room, text });
}

/** Cut a text to its room, which only the browser can measure. */
function fit(text: SVGTextElement): void {
  const room = Number(text.dataset.room), whole = text.textContent ?? "";
  if (text.getComputedTextLength() <= room) return;
  let low = 0, high = whole.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    text.textContent = `${whole.slice(0, middle)}…`;
    if (text.getComputedTextLength() <= room) low = middle;
    else high = middle - 1;
  }
  text.textContent = `${whole.slice(0, low).trimEnd()}…`;
}

function said(box: Box): string {
  return [box.word, box.title, box.status?.text, box.detail, box.time].filter(Boolean).join(", ");
}

function listed(data: ChainData, tell: Tell): HTMLElement {
  return node("ol", { "aria-label": data.label }, data.boxes.map((box) => {
    const title = box.page ? node("a", { href: address(box.page, box.parameters), text: box.title }) : node("span", { text: box.title });
    title.addEventListener("click", (event) => box.page && go(event as MouseEvent, box, tell));
    const item = node("li", { class: box.here ? "here" : null }, [
      icon(box.icon), node("small", { text: box.word }), title, box.status ? badge(box.status) : null,
      node("small", { text: [box.detail, box.time].filter(Boolean).join(" · "), title: box.exact }),
    ]);
    item.style.paddingInlineStart = `${Math.min(box.column, 8)}rem`;
    return item;
  }));
}

function go(event: MouseEvent, box: Box, tell: Tell): void {
  if (goesElsewhere(event)) return;
  event.preventDefault();
  tell("going", { page: box.page, parameters: box.parameters });
}

function shape(name: string, { text, ...attributes }: Record<string, string | number>, children: SVGElement[] = []): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text !== undefined) made.textContent = String(text);
  made.append(...children);
  return made;
}
