// What a node may read: what started the run, and the nodes that have ended by then, with their outputs.
import type { Data, FlowNode } from "./types";

const OUTPUTS: Record<string, string[]> = {
  approval: ["approved", "comment", "by", "timed_out"], foreach: ["items", "count"], switch: ["case"], wait: ["timed_out"], code: ["result"],
};

/** The paths that may stand in a template of this node, the nearest first. */
export function readsOf(data: Data, node: FlowNode): string[] {
  const around = holdersOf(data, node), later = laterThan(data, [node, ...around]);
  const found = around.flatMap((holder) => holder.kind === "foreach" && sectionOf(holder, node, data) === "loop"
    ? [String(holder.values["as"] ?? "item"), "loop.index"]
    : sectionOf(holder, node, data) === "on_error" ? ["error.message", "error.code"] : []);
  for (const level of [node, ...around]) {
    for (const other of data.picture.nodes) {
      if (other === node || other.parent !== level.parent || other.section !== level.section || around.includes(other) || later.has(other.key)) continue;
      const names = outputsOf(data, other);
      found.push(...names.map((name) => `nodes.${other.id}.outputs.${name}`), `nodes.${other.id}.status`);
    }
  }
  const schema = data.picture.values["input_schema"] as { properties?: Record<string, unknown> } | undefined;
  found.push(...Object.keys(schema?.properties ?? {}).map((name) => `trigger.input_data.${name}`), "trigger.input_data", "run.id", "system.date_iso");
  return [...new Set(found)];
}

function outputsOf(data: Data, node: FlowNode): string[] {
  if (node.kind === "parallel") return Object.keys((node.values["parallel"] ?? {}) as object);
  const offers = data.offers.filter((offer) => offer.kind === node.kind);
  const offer = offers.find((each) => each.name === node.calls) ?? offers.filter((each) => each.name.split("@")[0] === node.calls).at(-1);
  return offer?.outputs ?? OUTPUTS[node.kind] ?? [];
}

function holdersOf(data: Data, node: FlowNode): FlowNode[] {
  const found: FlowNode[] = [];
  for (let at = node; at.parent;) {
    const next = data.picture.nodes.find((each) => each.key === at.parent);
    if (!next) break;
    found.push(next);
    at = next;
  }
  return found;
}

/** What kind of section of a box a node lies in, however deep. */
function sectionOf(holder: FlowNode, node: FlowNode, data: Data): string {
  const inside = [node, ...holdersOf(data, node)].find((each) => each.parent === holder.key);
  return holder.sections[inside?.section ?? 0]?.kind ?? "";
}

/** The nodes that run after these: reading them would be a circle. */
function laterThan(data: Data, nodes: FlowNode[]): Set<string> {
  const found = new Set(nodes.map((node) => node.key)), left = [...found];
  while (left.length) {
    const key = left.pop();
    for (const edge of data.picture.edges) {
      if (edge.source !== key || found.has(edge.target)) continue;
      found.add(edge.target);
      left.push(edge.target);
    }
  }
  return found;
}
