// How a node looks: a plain one, and one that holds others in sections.
import { Handle, Position, type NodeProps } from "@xyflow/react";
import { createContext, memo, useContext } from "react";
import { LABEL, type Drawn, type Shown } from "./shape";
import type { Path } from "./types";

/** What a section's button does: open the palette for the graph of that section. */
export const Adding = createContext<(graph: Path) => void>(() => undefined);

export function Icon({ name }: { name: string }) {
  return <span className="icon" aria-hidden="true">{name.replace(/[^a-z0-9_]/g, "")}</span>;
}

function Head({ shown }: { shown: Shown }) {
  const { node, state, look } = shown;
  return (
    <div className="head">
      <span className="kind" title={node.kind}><Icon name={shown.icon} /></span>
      <span className="words">
        <span className="title" title={node.title}>{node.title}</span>
        {state && look ? (
          <span className={`stand ${look.tone}`}>
            <Icon name={look.icon} />
            {[look.label, state.turns > 1 ? `${state.ended} of ${state.turns}` : "", state.took, state.cost].filter(Boolean).join(" · ")}
          </span>
        ) : (
          <span className="calls" title={node.calls}>{node.calls || node.kind}</span>
        )}
      </span>
      {shown.problems.length > 0 && (
        <span className="problem" title={shown.problems.join("\n")} role="img" aria-label={shown.problems.join(" ")}><Icon name="error" /></span>
      )}
      {node.values["if"] !== undefined && <span className="gate" title={`if ${String(node.values["if"])}`}><Icon name="filter_alt" /></span>}
    </div>
  );
}

function tone(shown: Shown): string {
  return [shown.problems.length ? "is-wrong" : "", shown.look ? `is-${shown.look.tone}` : ""].filter(Boolean).join(" ");
}

export const Leaf = memo(function Leaf({ data, selected, isConnectable }: NodeProps<Drawn>) {
  return (
    <div className={`leaf ${tone(data)} ${selected ? "is-chosen" : ""}`} data-node={data.node.key} data-status={data.state?.status ?? ""}>
      <Handle type="target" position={Position.Top} isConnectable={isConnectable} />
      <Head shown={data} />
      <Handle type="source" position={Position.Bottom} isConnectable={isConnectable} />
    </div>
  );
});

export const Box = memo(function Box({ data, selected, isConnectable }: NodeProps<Drawn>) {
  const add = useContext(Adding);
  return (
    <div className={`box ${tone(data)} ${selected ? "is-chosen" : ""}`} data-node={data.node.key} data-status={data.state?.status ?? ""}>
      <Handle type="target" position={Position.Top} isConnectable={isConnectable} />
      <Head shown={data} />
      {data.node.sections.map((section) => (
        <div key={section.path.join(".")} className={`section ${section.kind} ${section.x ? "" : "first"}`} style={{ left: section.x, top: section.y, width: section.width, height: section.height }}>
          <div className="label" style={{ height: LABEL }}>
            <span title={section.label}>{section.label}</span>
            {data.editable && (
              <button type="button" className="plain nodrag" aria-label={`Add to ${data.node.title}, ${section.label}`} title="Add a node here"
                onClick={(event) => { event.stopPropagation(); add(section.path); }}>
                <Icon name="add" />
              </button>
            )}
          </div>
        </div>
      ))}
      <Handle type="source" position={Position.Bottom} isConnectable={isConnectable} />
    </div>
  );
});
