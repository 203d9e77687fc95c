// From what Python says to what React Flow draws; what has not changed stays the same object, and so is not drawn anew.
import type { Edge, Node } from "@xyflow/react";
import type { Data, FlowEdge, FlowNode, Look, Section, State } from "./types";

export const LABEL = 26;

export interface Shown extends Record<string, unknown> {
  node: FlowNode;
  icon: string;
  problems: string[];
  state: State | null;
  look: Look | null;
  editable: boolean;
}

export type Drawn = Node<Shown>;

/** How every node stands after the first `count` moments of a run. */
export function statesAt(data: Data, count: number): Map<string, State> {
  const found = new Map<string, State>();
  for (const moment of (data.run?.moments ?? []).slice(0, count)) {
    for (const [key, state] of Object.entries(moment.changes)) found.set(key, state);
  }
  return found;
}

/** The nodes to draw; `before` are those drawn so far, `held` the keys that a person has just moved. */
export function nodesOf(data: Data, states: Map<string, State>, before: Drawn[], held: (key: string) => boolean): Drawn[] {
  const known = new Map(before.map((node) => [node.id, node]));
  const sections = new Map(data.picture.nodes.map((node) => [node.key, node.sections]));
  return data.picture.nodes.map((node) => {
    const old = known.get(node.key);
    const shown = shownOf(data, node, states.get(node.key) ?? null);
    const section = sections.get(node.parent)?.[node.section];
    const corner = cornerOf(section);
    const place = old && held(node.key) ? old.position : { x: node.x + corner.x, y: node.y + corner.y };
    const same = old && old.parentId === (node.parent || undefined) && sameAs(old.data, shown);
    if (same && old.position.x === place.x && old.position.y === place.y) return old;
    const chosen = old?.selected ?? false;
    return {
      id: node.key, type: node.sections.length ? "box" : "leaf", position: place, data: same ? old.data : shown, selected: chosen,
      width: node.width, height: node.height, draggable: data.editable, connectable: data.editable, deletable: false,
      zIndex: node.key.split(".").length,
      ariaLabel: [node.title, node.kind, node.calls, shown.look?.label, ...shown.problems].filter(Boolean).join(", "),
      ...(node.parent ? { parentId: node.parent } : {}),
    };
  });
}

/** Where in its box the nodes of a section begin. */
export function cornerOf(section: Section | undefined): { x: number; y: number } {
  return section ? { x: section.x, y: section.y + LABEL } : { x: 0, y: 0 };
}

function shownOf(data: Data, node: FlowNode, state: State | null): Shown {
  const problems = node.problems.map((at) => data.problems[at]).filter((one) => one !== undefined);
  return {
    node, state, icon: data.icons[node.kind] ?? "", editable: data.editable,
    problems: problems.map((one) => one.message),
    look: state ? (data.looks[state.status] ?? { label: state.status, icon: "help", tone: "gray" }) : null,
  };
}

function sameAs(one: Shown, other: Shown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export function edgesOf(data: Data, before: Edge[]): Edge[] {
  const known = new Map(before.map((edge) => [edge.id, edge]));
  return data.picture.edges.map((edge) => {
    const id = `${edge.source} -> ${edge.target}`, look = lookOf(edge);
    const old = known.get(id);
    if (old && old.className === look) return old;
    return {
      id, source: edge.source, target: edge.target, className: look, selected: old?.selected ?? false, deletable: false,
      zIndex: edge.source.split(".").length, ariaLabel: `${edge.target} ${edge.reads ? "reads" : "waits for"} ${edge.source}`,
      markerEnd: { type: "arrowclosed" as const, width: 16, height: 16, color: edge.wrong ? "var(--wrong)" : "var(--edge)" },
    } as Edge;
  });
}

function lookOf(edge: FlowEdge): string {
  return [edge.reads ? "reads" : "after", edge.wrong ? "wrong" : ""].filter(Boolean).join(" ");
}
