// A JSON value as a tree that unfolds; what is not unfolded is not made.
import { node } from "../../shared/dom";
import { drawing, type Host, type View } from "../types";
import { cutNote, noteOf } from "./parts";

interface JsonView extends View {
  value: unknown;
  text: string;
  cut: boolean;
}

const CHILDREN = 200;
const CHARS = 400;
const OPEN_BELOW = 20;

export const kind = drawing<JsonView>({ type: "json_display", draw });

function draw(view: JsonView, host: Host): (Node | null)[] {
  if (view.cut) return [node("pre", { class: "code", tabindex: "0", "data-scroll": "", text: view.text }), cutNote(host), noteOf(view)];
  const open = (host.state.open ??= {}) as Record<string, boolean>;
  return [node("div", { class: "tree" }, [branch("", view.value, "$", open, 0)]), noteOf(view)];
}

function branch(name: string, value: unknown, path: string, open: Record<string, boolean>, depth: number): HTMLElement {
  const label = name ? node("span", { class: "key", text: `${name}: ` }) : null;
  if (value === null || typeof value !== "object") return node("div", { class: "leaf" }, [label, scalar(value)]);
  const list = Array.isArray(value);
  const entries: [string, unknown][] = list ? value.map((one, at) => [String(at), one]) : Object.entries(value);
  const size = list ? `[${entries.length}]` : `{${entries.length}}`;
  if (!entries.length) return node("div", { class: "leaf" }, [label, node("span", { class: "quiet", text: list ? "[]" : "{}" })]);
  const fold = node("details", {}, [node("summary", {}, [label, node("span", { class: "quiet", text: size })])]);
  const unfold = (): void => {
    if (fold.childElementCount > 1) return;
    const shown = entries.slice(0, CHILDREN).map(([key, one]) => branch(key, one, `${path}/${key}`, open, depth + 1));
    const rest = entries.length - shown.length;
    fold.append(node("div", { class: "twigs" }, [...shown, rest > 0 ? node("p", { class: "quiet", text: `and ${rest.toLocaleString()} more` }) : null]));
  };
  fold.addEventListener("toggle", () => {
    open[path] = fold.open;
    if (fold.open) unfold();
  });
  fold.open = open[path] ?? (depth === 0 || (depth === 1 && entries.length <= OPEN_BELOW));
  if (fold.open) unfold();
  return fold;
}

function scalar(value: unknown): HTMLElement {
  const text = typeof value === "string" ? value : String(value);
  const kind = value === null ? "null" : typeof value;
  const long = text.length > CHARS;
  const shown = node("span", { class: `value ${kind}`, text: long ? `${text.slice(0, CHARS)}…` : typeof value === "string" ? JSON.stringify(text) : text });
  if (long) shown.title = `${text.length.toLocaleString()} characters`;
  return shown;
}
