// The stream: a real table on a wide screen, cards on a phone; a click opens an event.
import { node } from "../shared/dom";
import type { Tell } from "./index";
import { type Badge, address, badge, goesElsewhere, subject } from "./parts";

interface Row {
  id: string;
  type: string;
  at: string;
  exact: string;
  source: string;
  glimpse: string;
  badges: Badge[];
}

export interface StreamData {
  rows: Row[];
  label: string;
}

const HEADS = ["Event", "What it says", "From", "Heard", "When"];

export function drawStream(place: HTMLElement, data: StreamData, tell: Tell): void {
  if (!data.rows.length) return place.replaceChildren();
  const known = new Set([...place.querySelectorAll<HTMLElement>("tr[data-event]")].map((line) => line.dataset.event));
  const focused = (place.getRootNode() as ShadowRoot).activeElement?.getAttribute("data-event");
  const head = node("thead", {}, [node("tr", {}, HEADS.map((name) => node("th", { scope: "col", text: name })))]);
  const lines = data.rows.map((row) => lineOf(row, known.size > 0 && !known.has(row.id), tell));
  place.replaceChildren(node("table", { class: "stream", "aria-label": data.label }, [head, node("tbody", {}, lines)]));
  // What comes in must not take the keyboard away from who is in the middle of the list.
  if (focused) place.querySelector<HTMLElement>(`a[data-event="${CSS.escape(focused)}"]`)?.focus();
}

function lineOf(row: Row, fresh: boolean, tell: Tell): HTMLElement {
  const link = node("a", { href: address("events", { event: row.id }), title: row.type, "data-event": row.id }, subject(row.type));
  const line = node("tr", { class: fresh ? "fresh" : null, "data-event": row.id }, [
    node("td", { class: "type" }, [link]),
    node("td", { class: "glimpse", title: row.glimpse }, [node("span", { text: row.glimpse })]),
    node("td", { class: "source", text: row.source, title: row.source }),
    node("td", { class: "heard" }, row.badges.map(badge)),
    node("td", { class: "when", text: row.at, title: row.exact }),
  ]);
  line.addEventListener("click", (event) => {
    if (goesElsewhere(event) || String(getSelection())) return;
    event.preventDefault();
    tell("opened", row.id);
  });
  return line;
}
