// JSON as a tree that folds; everything in it is text.
import { node } from "../shared/dom";
import type { Host } from "./host";

const MOST = 200;
const DEPTH = 20;
const FEW = 8;

/** The value as a folding tree; `key` keeps what was opened or closed over redrawing. */
export function tree(value: unknown, key: string, host: Host, name = "", depth = 0): HTMLElement {
  const entries = value !== null && typeof value === "object" ? Object.entries(value) : [];
  const label = name ? [node("span", { class: "name", text: `${name}: ` })] : [];
  if (!entries.length || depth > DEPTH) {
    return node("div", { class: "leaf" }, [...label, node("span", { class: kindOf(value), text: short(value) })]);
  }
  const list = Array.isArray(value);
  const count = `${entries.length.toLocaleString("en")} ${list ? "item" : "key"}${entries.length === 1 ? "" : "s"}`;
  const head = node("summary", {}, [...label, node("span", { class: "quiet", text: list ? `[ ${count} ]` : `{ ${count} }` })]);
  const inside = node("div", { class: "inside" });
  return fold(`tree:${key}`, host, depth === 0 && entries.length <= FEW, head, inside, () => {
    inside.append(...entries.slice(0, MOST).map(([inner, each]) => tree(each, `${key}.${inner}`, host, inner, depth + 1)));
    if (entries.length > MOST) inside.append(node("div", { class: "quiet", text: `and ${entries.length - MOST} more` }));
  });
}

/** Something that folds: filled when it is first opened, and as the reader left it when it is drawn anew. */
export function fold(key: string, host: Host, usually: boolean, head: Node, inside: HTMLElement, fill: () => void): HTMLDetailsElement {
  const made = node("details", { class: "tree", open: host.open.has(key) !== usually }, [head, inside]);
  const shown = () => {
    if (made.open && !inside.childElementCount) fill();
  };
  made.addEventListener("toggle", () => {
    made.open === usually ? host.open.delete(key) : host.open.add(key);
    shown();
  });
  shown();
  return made;
}

function kindOf(value: unknown): string {
  return value === null || typeof value === "object" ? "quiet" : typeof value;
}

function short(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 2_000 ? `${value.slice(0, 2_000)}…` : value);
  return JSON.stringify(value) ?? "null";
}
