// Who listens to whom: one line per subject, from those who publish it to those who hear it.
import { icon, node } from "../shared/dom";
import type { Tell } from "./index";
import { type Badge, address, badge, goesElsewhere, subject } from "./parts";

interface Party {
  icon: string;
  text: string;
  note: string;
  asleep?: boolean;
  page?: string;
  parameters?: Record<string, string>;
}

interface Line {
  type: string;
  told: string;
  from: Party[];
  to: Party[];
  badges: Badge[];
}

export interface MapData {
  lines: Line[];
  label: string;
}

const HEADS = ["Published by", "Subject", "Heard by"];

export function drawMap(place: HTMLElement, data: MapData, tell: Tell): void {
  const head = node("thead", {}, [node("tr", {}, HEADS.map((name) => node("th", { scope: "col", text: name })))]);
  const lines = data.lines.map((line) => node("tr", {}, [
    node("td", { class: "from" }, parties(line.from, "Nobody lately", tell)),
    node("td", { class: "subject" }, [
      opening(node("a", { href: address("events", { type: line.type }) }, subject(line.type)), { page: "events", parameters: { type: line.type } }, tell),
      node("small", { text: line.told }), ...line.badges.map(badge),
    ]),
    node("td", { class: "to" }, parties(line.to, "Nobody", tell)),
  ]));
  place.replaceChildren(node("table", { class: "map", "aria-label": data.label }, [head, node("tbody", {}, lines)]));
}

function parties(all: Party[], none: string, tell: Tell): HTMLElement[] {
  if (!all.length) return [node("span", { class: "none", text: none })];
  return all.map((party) => {
    const inner = [icon(party.icon), node("span", { text: party.text }), party.note ? node("small", { text: party.note }) : null];
    const look = party.asleep ? "party asleep" : "party";
    if (!party.page) return node("span", { class: look }, inner);
    const link = node("a", { class: look, href: address(party.page, party.parameters ?? {}) }, inner);
    return opening(link, { page: party.page, parameters: party.parameters ?? {} }, tell);
  });
}

function opening(link: HTMLAnchorElement, where: { page: string; parameters: Record<string, string> }, tell: Tell): HTMLAnchorElement {
  link.addEventListener("click", (event) => {
    if (goesElsewhere(event)) return;
    event.preventDefault();
    tell("going", where);
  });
  return link;
}
