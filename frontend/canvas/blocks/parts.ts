// What several kinds of blocks show alike.
import { button, icon, node } from "../../shared/dom";
import { address, markdown } from "../../shared/markdown";
import { badge } from "../badge";
import { menu } from "../popover";
import type { Content, Host, Target, View } from "../types";

/** An output, by its type; null is one that there is not yet. */
export type Shown =
  | { kind: "markdown" | "text" | "json"; text: string; cut: boolean }
  | { kind: "number"; value: number; text: string }
  | { kind: "table"; columns: string[]; rows: Cell[][]; total: number; cut: boolean }
  | { kind: "link"; url: string; text: string }
  | { kind: "file"; name: string; media_type: string; size: number; address: string | null };

export type Cell = string | number | boolean | null;

// Made once: making one takes as long as drawing a table's row.
const FIGURES = new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 });

export interface RunLine {
  id: string;
  word: string;
  tone: string;
  preview?: string;
  finished_at: string | null;
}

export interface Offer {
  id: string;
  name: string;
  epithet?: string;
}

/** The note of a view that is not ready, or nothing. */
export function noteOf(view: View): HTMLElement | null {
  return view.note ? node("p", { class: "quiet note", text: view.note }) : null;
}

export function quiet(text: string): HTMLElement {
  return node("p", { class: "quiet", text });
}

export function acts(children: (Node | null)[]): HTMLElement {
  return node("div", { class: "acts" }, children);
}

export function shown(output: Shown, host: Host): HTMLElement {
  const parts: (Node | null)[] = [drawnOutput(output)];
  if ("cut" in output && output.cut) parts.push(cutNote(host));
  return node("div", { class: "output" }, parts);
}

export function cutNote(host: Host): HTMLElement {
  return node("p", { class: "quiet cut" }, [
    document.createTextNode("Cut for view. "), button("Full output", { class: "link" }, () => host.did("open")),
  ]);
}

function drawnOutput(output: Shown): HTMLElement {
  switch (output.kind) {
    case "markdown":
      return markdown(output.text);
    case "number":
      return node("p", { class: "number", text: output.text });
    case "table":
      return tableOf(output.columns, output.rows, output.total);
    case "link":
      return linkOf(output.url, output.text);
    case "file":
      return fileOf(output);
    case "json":
      return node("pre", { class: "code", tabindex: "0", text: output.text });
    default:
      return node("p", { class: "plain-text", text: output.text });
  }
}

/** A link to an outside page that opens beside this one; an address of another kind is text. */
export function linkOf(url: string, text: string): HTMLElement {
  const known = /^https?:/i.test(url) ? address(url) : null;
  if (!known) return node("span", { text: text || url });
  return node("a", { class: "out", href: known.href, target: "_blank", rel: "noopener noreferrer", text: text || url });
}

function fileOf(file: { name: string; media_type: string; size: number; address: string | null }): HTMLElement {
  const own = file.address ? ownAddress(file.address) : null;
  const words = `${file.media_type}, ${(file.size / 1024).toFixed(1)} KiB`;
  const name = own ? node("a", { href: own, download: file.name, text: file.name }) : node("span", { text: file.name });
  return node("p", { class: "file" }, [icon("description"), name, node("span", { class: "quiet", text: words })]);
}

/** The address when it lies on our own server. */
export function ownAddress(text: string): string | null {
  const url = address(text);
  return url && url.origin === location.origin ? url.href : null;
}

/** Rows that are only looked at. */
export function tableOf(columns: string[], rows: Cell[][], total: number): HTMLElement {
  const numeric = columns.map((_, at) => rows.length > 0 && rows.every((row) => row[at] === null || typeof row[at] === "number"));
  const head = node("tr", {}, columns.map((name, at) => node("th", { scope: "col", class: numeric[at] ? "number" : null, text: name })));
  const body = rows.map((row) => node("tr", {}, columns.map((_, at) => node("td", { class: numeric[at] ? "number" : null, text: cellText(row[at] ?? null) }))));
  const more = total > rows.length ? quiet(`${cellText(rows.length)} of ${cellText(total)} rows`) : null;
  const table = node("table", {}, [node("thead", {}, [head]), node("tbody", {}, body)]);
  return node("div", { class: "rows-view" }, [node("div", { class: "wide", "data-scroll": "", tabindex: "0" }, [table]), more]);
}

export function cellText(value: Cell): string {
  if (value === null) return "–";
  return typeof value === "number" ? FIGURES.format(value) : String(value);
}

/** A button that goes to another page of the workspace. */
export function goTo(host: Host, label: string, target: Target | null | undefined, look: { icon?: string; class?: string } = {}): HTMLElement | null {
  return target ? button(label, { class: "link", ...look }, () => host.did("go", { ...target })) : null;
}

/** What to take: an agent or a prompt, chosen from a list and kept in a field of the content. */
export function pick(host: Host, view: View, label: string, field: string, offers: Offer[]): HTMLElement | null {
  const content = view.content;
  if (!content || host.readOnly || !offers.length) return null;
  const choices = offers.map((one) => ({ key: one.id, title: one.name, hint: one.epithet ?? "", icon: "smart_toy" }));
  const made = button(label, { icon: "arrow_drop_down", class: "choose" }, () =>
    menu(host.layer, made, label, choices, ({ key }) => host.save({ ...content, [field]: key } as Content), "Filter"));
  return made;
}

export function runBadge(run: RunLine | null): HTMLElement | null {
  return run ? badge(run) : null;
}

/** Names of blocks it reads. */
export function readsOf(view: View): HTMLElement | null {
  const names = view.references ?? [];
  return names.length ? node("p", { class: "quiet reads" }, [icon("link"), document.createTextNode(`reads ${names.join(", ")}`)]) : null;
}

/** A field with its label above it. */
export function labelled(label: string, field: HTMLElement, hint = ""): HTMLElement {
  return node("label", { class: "labelled" }, [node("span", { class: "name", text: label }), field, hint ? node("span", { class: "hint", text: hint }) : null]);
}

/** Ctrl or Cmd and Enter saves, Escape leaves. */
export function editorKeys(element: HTMLElement, save: () => void, leave: () => void): void {
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
    else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}
