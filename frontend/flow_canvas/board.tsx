// The whole canvas: it merges what Python says into what stands there, and answers at once to what a person does.
import {
  Background, Controls, MiniMap, Panel as Corner, ReactFlow, ReactFlowProvider, applyEdgeChanges, applyNodeChanges, useReactFlow, useStore,
  type Connection, type Edge, type EdgeChange, type NodeChange,
} from "@xyflow/react";
import { useCallback, useEffect, useMemo, useRef, useState, type DragEvent, type KeyboardEvent, type RefObject } from "react";
import { Adding, Box, Icon, Leaf } from "./nodes";
import type { Outbox } from "./outbox";
import { DRAGGED, Palette } from "./palette";
import { FlowPanel, Panel } from "./panel";
import { Looked, Slider } from "./run";
import { cornerOf, edgesOf, nodesOf, statesAt, type Drawn } from "./shape";
import type { Act, Data, FlowNode, Offer, Path } from "./types";

const TYPES = { leaf: Leaf, box: Box };
const MARGIN = 16;
const REST_MS = 400;
// As the style sheet has it: how wide the properties are, how high on a narrow canvas, and what is narrow.
const SIDE = 288;
const SHEET = 400;
const NARROW = 544;
const LEGIBLE = 0.7;
const TONES: Record<string, string> = {
  green: "var(--st-green-text-color)", red: "var(--st-red-text-color)", orange: "var(--st-orange-text-color)", blue: "var(--st-blue-text-color)",
};

interface Props {
  data: Data;
  outbox: Outbox;
}

export function Board(props: Props) {
  return <ReactFlowProvider><Canvas {...props} /></ReactFlowProvider>;
}

/** How many moments of the run are shown: all of them, and more as they come, until somebody moves the slider. */
function useMoment(data: Data): [number, (moment: number) => void] {
  const count = data.run?.moments.length ?? 0, run = data.run?.id ?? "";
  const [chosen, setChosen] = useState<{ run: string; at: number } | null>(null);
  const moment = chosen && chosen.run === run ? Math.min(chosen.at, count) : count;
  const go = useCallback((at: number) => setChosen(at >= count ? null : { run, at }), [count, run]);
  return [moment, go];
}

function Canvas({ data, outbox }: Props) {
  const flow = useReactFlow<Drawn>();
  const stage = useRef<HTMLDivElement>(null);
  const held = useRef(new Map<string, number>());
  const dragging = useRef(false);
  const [moment, go] = useMoment(data);
  const states = useMemo(() => statesAt(data, moment), [data.run, moment]);
  const [nodes, setNodes] = useState<Drawn[]>(() => nodesOf(data, states, [], () => false));
  const [edges, setEdges] = useState<Edge[]>(() => edgesOf(data, []));
  const [palette, setPalette] = useState<Path | null>(null);
  const [panel, setPanel] = useState(true);
  const [header, setHeader] = useState(false);
  const act: Act = useCallback((action, detail = {}) => outbox.put(action, detail), [outbox]);

  useEffect(() => {
    const moved = (key: string) => outbox.pending(held.current.get(key) ?? 0);
    setNodes((before) => nodesOf(data, states, before, moved));
  }, [data.revision, data.picture, data.looks, states, outbox, data.editable]);
  useEffect(() => setEdges((before) => edgesOf(data, before)), [data.picture]);

  const chosen = useMemo(() => nodes.filter((node) => node.selected).map((node) => node.id), [nodes]);
  const single = chosen.length === 1 ? data.picture.nodes.find((node) => node.key === chosen[0]) : undefined;
  useChosen(data, setNodes, setPanel, flow);
  useEffect(() => {
    if (data.run && single) act("look", { key: single.key });
  }, [data.run?.id, single?.key, data.run?.moments.length]);

  const placed = useCallback((moved: Drawn[]) => {
    const by = new Map(data.picture.nodes.map((node) => [node.key, node]));
    const places = moved.flatMap((node) => placeOf(node, by));
    if (!places.length) return;
    const nonce = act("place", { places });
    for (const [key] of places) held.current.set(key, nonce);
  }, [data.picture, act]);
  const nudged = useNudge(flow, placed);
  const nodesChanged = useCallback((changes: NodeChange<Drawn>[]) => {
    if (!dragging.current && changes.some((change) => change.type === "position" && !change.dragging && change.position)) nudged();
    setNodes((before) => applyNodeChanges(changes, before));
  }, [nudged]);
  const edgesChanged = useCallback((changes: EdgeChange[]) => setEdges((before) => applyEdgeChanges(changes, before)), []);
  const inOneGraph = useCallback((line: Connection | Edge) => sameGraph(data, line.source, line.target), [data.picture]);

  const add = useCallback((offer: Offer, more: Record<string, unknown>) => {
    act("add", { kind: offer.kind, name: offer.name, scope: offer.scope, ...more });
    setPanel(true);
    setHeader(false);
  }, [act]);
  const addHere = useCallback((offer: Offer) => {
    const graph = palette?.length ? palette : graphOf(single);
    const after = single && graph.join(".") === graphOf(single).join(".") ? single.id : undefined;
    add(offer, { graph, after });
    setPalette(null);
  }, [palette, single, data.picture, add]);
  const dropped = useCallback((event: DragEvent) => {
    const offer = draggedOffer(event, data.offers);
    if (!offer) return;
    event.preventDefault();
    const at = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    add(offer, underPointer(data, flow.getInternalNode, at));
    setPalette(null);
  }, [data, flow, add]);
  const here = graphOf(single ?? data.picture.nodes.find((node) => chosen.includes(node.key)));
  const keyed = useKeys({ data, chosen, edges, here, act, stage, open: () => setPalette(graphOf(single)), shut: () => setPalette(null), setNodes });

  const side = data.run && single
    ? <Looked data={data} run={data.run} nodeKey={single.key} act={act} close={() => setNodes(unchosen)} />
    : header ? <FlowPanel data={data} act={act} close={() => setHeader(false)} />
    : single && panel && <Panel key={single.key} data={data} node={single} act={act} close={() => setPanel(false)} />;
  return (
    <Adding.Provider value={setPalette}>
      <div className={`stage ${data.picture.readable ? "" : "unreadable"}`} ref={stage} tabIndex={-1} style={{ height: data.height }} onKeyDown={keyed}
        onDragOver={(event) => { if (data.editable && event.dataTransfer.types.includes(DRAGGED)) event.preventDefault(); }} onDrop={dropped}>
        <ReactFlow nodes={nodes} edges={edges} nodeTypes={TYPES} onNodesChange={nodesChanged} onEdgesChange={edgesChanged}
          onConnect={({ source, target }) => act("connect", { source, target })} isValidConnection={inOneGraph}
          onNodeDragStart={() => { dragging.current = true; }} onNodeDragStop={(_event, _node, moved) => { dragging.current = false; placed(moved); }}
          onNodeClick={() => { setPanel(true); setHeader(false); }} onPaneClick={() => { setPalette(null); stage.current?.focus({ preventScroll: true }); }}
          nodesDraggable={data.editable} nodesConnectable={data.editable} elementsSelectable deleteKeyCode={null}
          multiSelectionKeyCode={["Control", "Meta"]} selectionKeyCode="Shift" minZoom={0.05} maxZoom={2} fitView fitViewOptions={{ padding: 0.15, maxZoom: 1 }}
          onlyRenderVisibleElements={nodes.length > 60} proOptions={{ hideAttribution: true }} aria-label={`Picture of the flow ${data.picture.title || data.picture.name}`}>
          <Background gap={20} size={1} />
          <MiniMap pannable zoomable nodeColor={(node) => TONES[(node as Drawn).data.look?.tone ?? ""] ?? "var(--quiet)"} nodeStrokeWidth={0} ariaLabel="The whole flow, small" />
          <Controls showInteractive={false} />
          <Corner position="top-left"><Bar data={data} act={act} open={() => setPalette(palette ? null : [])} header={() => setHeader(!header)} chosen={chosen} here={here} /></Corner>
          <Corner position="top-right"><Told data={data} pick={(key) => { setNodes((before) => chosenOnly(before, key ? [key] : [])); setPanel(true); setHeader(!key); }} /></Corner>
        </ReactFlow>
        {palette && data.editable && (
          <Palette offers={data.offers} icons={data.icons} into={palette.length > 1 ? `to ${sectionName(data, palette)}` : "a node"} chosen={addHere} close={() => setPalette(null)} />
        )}
        {side}
        {!data.picture.nodes.length && data.picture.readable && <p className="empty quiet">Nothing here yet: add the first node.</p>}
      </div>
      {data.run && <Slider run={data.run} moment={moment} go={go} />}
    </Adding.Provider>
  );
}

/** The buttons over the canvas. */
function Bar({ data, act, open, header, chosen, here }: { data: Data; act: Act; open: () => void; header: () => void; chosen: string[]; here: Path }) {
  if (data.run) return null;
  const back = (
    <>
      <Tool label="Undo (Ctrl+Z)" icon="undo" disabled={!data.undo} pressed={() => act("undo")} />
      <Tool label="Redo (Ctrl+Y)" icon="redo" disabled={!data.redo} pressed={() => act("redo")} />
    </>
  );
  // From a text that cannot be read there is still a way back.
  if (!data.editable) return <div className="bar" role="toolbar" aria-label="Edit the flow">{back}</div>;
  return (
    <div className="bar" role="toolbar" aria-label="Edit the flow">
      <button type="button" className="primary" onClick={open} title="Add a node (/)"><Icon name="add" />Add</button>
      {back}
      <Tool label="Arrange: forget places written by hand" icon="account_tree" disabled={!data.picture.nodes.some((node) => node.placed)} pressed={() => act("tidy")} />
      <Tool label="Copy (Ctrl+C)" icon="content_copy" disabled={!chosen.length} pressed={() => act("copy", { keys: chosen })} />
      <Tool label="Paste (Ctrl+V)" icon="content_paste" disabled={!data.copied} pressed={() => act("paste", { graph: here })} />
      <Tool label="The flow itself: title, limits, inputs" icon="tune" disabled={false} pressed={header} />
      <Tool label="Delete (Del)" icon="delete" disabled={!chosen.length} pressed={() => act("delete", { keys: chosen })} />
    </div>
  );
}

function Tool({ label, icon, disabled, pressed }: { label: string; icon: string; disabled: boolean; pressed: () => void }) {
  return <button type="button" className="tool" aria-label={label} title={label} disabled={disabled} onClick={pressed}><Icon name={icon} /></button>;
}

/** What is wrong, and what was refused a moment ago. */
function Told({ data, pick }: { data: Data; pick: (key: string) => void }) {
  const refusal = Object.entries(data.refused).at(-1);
  const [seen, setSeen] = useState("");
  const first = data.picture.nodes.find((node) => node.problems.length);
  return (
    <div className="told">
      {refusal && refusal[0] !== seen && (
        <div className="refused" role="alert">
          <span>{refusal[1].message} {refusal[1].hint}</span>
          <button type="button" className="plain" aria-label="Close" onClick={() => setSeen(refusal[0])}><Icon name="close" /></button>
        </div>
      )}
      {!data.picture.readable && <div className="refused" role="alert"><span>The YAML cannot be read just now; this is how it was before.</span></div>}
      {data.problems.length > 0 && (
        <button type="button" className="count" onClick={() => pick(first?.key ?? "")} title={data.problems[0]?.message}>
          <Icon name="error" />{data.problems.length} {data.problems.length === 1 ? "problem" : "problems"}
        </button>
      )}
    </div>
  );
}

/** Python says which nodes are to be chosen after an act, such as the one that was just added. */
function useChosen(data: Data, setNodes: (change: (before: Drawn[]) => Drawn[]) => void, setPanel: (open: boolean) => void, flow: ReturnType<typeof useReactFlow<Drawn>>): void {
  const ready = useStore((state) => state.width > 0), narrow = useStore((state) => state.width < NARROW);
  const wanted = data.chosen.length ? `${data.turn}\n${data.chosen.join("\n")}` : "";
  useEffect(() => {
    if (!wanted || !ready) return;
    const keys = wanted.split("\n").slice(1);
    setNodes((before) => chosenOnly(before, keys));
    setPanel(true);
    const timer = setTimeout(() => showFirst(flow, keys, narrow), 60);
    return () => clearTimeout(timer);
  }, [wanted, ready]);
}

/** Bring the first of these nodes into the middle of what its properties leave free: they stand at the right, or below. */
function showFirst(flow: ReturnType<typeof useReactFlow<Drawn>>, keys: string[], narrow: boolean): void {
  const found = keys.map((key) => flow.getInternalNode(key)).filter((node) => node !== undefined);
  const first = found[0];
  if (!first) return;
  const { x, y } = first.internals.positionAbsolute, { width = 0, height = 0 } = first;
  const zoom = Math.max(flow.getZoom(), LEGIBLE);
  const right = narrow ? 0 : SIDE / 2 / zoom, down = narrow ? SHEET / 2 / zoom : 0;
  void flow.setCenter(x + width / 2 + right, y + height / 2 + down, { zoom, duration: 150 });
}

/** Arrow keys move nodes by small steps: they are one edit once they rest. */
function useNudge(flow: ReturnType<typeof useReactFlow<Drawn>>, placed: (nodes: Drawn[]) => void): () => void {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => placed(flow.getNodes().filter((node) => node.selected && !node.dragging)), REST_MS);
  }, [flow, placed]);
}

interface Keys {
  data: Data;
  chosen: string[];
  edges: Edge[];
  here: Path;
  act: Act;
  stage: RefObject<HTMLDivElement | null>;
  open: () => void;
  shut: () => void;
  setNodes: (change: (before: Drawn[]) => Drawn[]) => void;
}

function useKeys({ data, chosen, edges, here, act, stage, open, shut, setNodes }: Keys): (event: KeyboardEvent) => void {
  return (event) => {
    const written = (event.nativeEvent.composedPath()[0] as HTMLElement).matches?.("input, textarea, select");
    const control = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    const acts: Record<string, () => void> = {
      "control s": () => act("save"), "control z": () => act(event.shiftKey ? "redo" : "undo"), "control y": () => act("redo"),
      "control c": () => chosen.length && act("copy", { keys: chosen }), "control v": () => data.copied && act("paste", { graph: here }),
      "control d": () => chosen.length && act("duplicate", { keys: chosen, graph: here }),
      "control x": () => { if (chosen.length) { act("copy", { keys: chosen }); act("delete", { keys: chosen }); } },
      "control a": () => setNodes((before) => chosenOnly(before, before.map((node) => node.id))),
      delete: () => gone(chosen, edges, act), backspace: () => gone(chosen, edges, act), "/": open, escape: shut,
    };
    const name = control ? `control ${key}` : key;
    const possible = data.editable || (!data.run && ["control z", "control y"].includes(name));
    if (!acts[name] || (written && name !== "control s") || !possible) return;
    event.preventDefault();
    event.stopPropagation();
    acts[name]();
    // What is deleted takes the keyboard with it.
    if (["delete", "backspace", "control x"].includes(name)) stage.current?.focus({ preventScroll: true });
  };
}

function gone(chosen: string[], edges: Edge[], act: Act): void {
  if (chosen.length) act("delete", { keys: chosen });
  else for (const edge of edges.filter((each) => each.selected)) act("disconnect", { source: edge.source, target: edge.target });
}

function chosenOnly(nodes: Drawn[], keys: string[]): Drawn[] {
  return nodes.map((node) => (Boolean(node.selected) === keys.includes(node.id) ? node : { ...node, selected: keys.includes(node.id) }));
}

function unchosen(nodes: Drawn[]): Drawn[] {
  return chosenOnly(nodes, []);
}

/** Where a moved node stands in its graph, if that is elsewhere than before. */
function placeOf(node: Drawn, known: Map<string, FlowNode>): [string, number, number][] {
  const was = known.get(node.id);
  if (!was) return [];
  const section = was.parent ? known.get(was.parent)?.sections[was.section] : undefined;
  const least = was.parent ? MARGIN : -1e6;
  const corner = cornerOf(section);
  const x = Math.max(Math.round(node.position.x - corner.x), least), y = Math.max(Math.round(node.position.y - corner.y), least);
  return x === Math.round(was.x) && y === Math.round(was.y) ? [] : [[node.id, x, y]];
}

function sameGraph(data: Data, source: string, target: string): boolean {
  const one = data.picture.nodes.find((node) => node.key === source), other = data.picture.nodes.find((node) => node.key === target);
  return Boolean(one && other && one !== other && one.parent === other.parent && one.section === other.section);
}

/** The graph that a node stands in, as a path of the text. */
function graphOf(node: FlowNode | undefined): Path {
  return node ? node.path.slice(0, -1) : ["graph"];
}

function sectionName(data: Data, graph: Path): string {
  for (const node of data.picture.nodes) {
    const section = node.sections.find((each) => each.path.join(".") === graph.join("."));
    if (section) return `${node.title}, ${section.label}`;
  }
  return "the flow";
}

function draggedOffer(event: DragEvent, offers: Offer[]): Offer | undefined {
  const [kind, name] = JSON.parse(event.dataTransfer.getData(DRAGGED) || "[]") as string[];
  return offers.find((offer) => offer.kind === kind && offer.name === name);
}

type Internal = ReturnType<typeof useReactFlow<Drawn>>["getInternalNode"];

/** The innermost section under a point, and the point inside of it. */
function underPointer(data: Data, internal: Internal, at: { x: number; y: number }): Record<string, unknown> {
  for (const node of [...data.picture.nodes].reverse()) {
    const corner = internal(node.key)?.internals.positionAbsolute;
    if (!corner) continue;
    const x = at.x - corner.x, y = at.y - corner.y;
    const section = node.sections.find((each) => x >= each.x && x <= each.x + each.width && y >= each.y && y < each.y + each.height);
    const inner = cornerOf(section);
    if (section) return { graph: section.path, x: Math.max(MARGIN, x - inner.x - 104), y: Math.max(MARGIN, y - inner.y - 32) };
  }
  return { graph: ["graph"], x: at.x - 104, y: at.y - 32 };
}
