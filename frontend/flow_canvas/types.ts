// What Python says of a flow, and what the canvas says back.

export type Path = (string | number)[];

export interface Field {
  path: Path;
  label: string;
  form: "line" | "area" | "number" | "switch" | "choice" | "names" | "json" | "duration" | "condition";
  help: string;
  needed: boolean;
  choices: string[];
  usual: string;
  more: boolean;
}

export interface Section {
  kind: "loop" | "case" | "branch" | "on_error";
  label: string;
  path: Path;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface FlowNode {
  key: string;
  id: string;
  kind: string;
  title: string;
  calls: string;
  parent: string;
  section: number;
  path: Path;
  x: number;
  y: number;
  width: number;
  height: number;
  placed: boolean;
  values: Record<string, unknown>;
  sections: Section[];
  problems: number[];
}

export interface FlowEdge {
  source: string;
  target: string;
  reads: boolean;
  after: boolean;
  wrong: boolean;
}

export interface Offer {
  kind: string;
  name: string;
  title: string;
  about: string;
  fields: Field[];
  scope: string;
  outputs: string[];
}

export interface Problem {
  message: string;
  hint: string;
  line: number;
}

export interface Look {
  label: string;
  icon: string;
  tone: string;
}

/** How a node stands: its status word, how long it took, what it cost, how many of its turns have ended. */
export interface State {
  status: string;
  took: string;
  cost: string;
  turns: number;
  ended: number;
}

export interface Visit {
  step: string;
  title: string;
  status: string;
  when: string;
  took: string;
  cost: string;
  inputs: string;
  outputs: string;
  error: string;
  hint: string;
  forks: boolean;
}

export interface RunShown {
  id: string;
  moments: { at: string; changes: Record<string, State> }[];
  live: boolean;
  cut: boolean;
  looked: { key: string; visits: Visit[]; more: number } | null;
}

export interface Data {
  workspace: string;
  flow: string;
  revision: number;
  picture: { readable: boolean; name: string; title: string; values: Record<string, unknown>; nodes: FlowNode[]; edges: FlowEdge[]; elsewhere: number[] };
  problems: Problem[];
  offers: Offer[];
  fields: Record<string, Field[]>;
  case_fields: Field[];
  flow_fields: Field[];
  icons: Record<string, string>;
  looks: Record<string, Look>;
  editable: boolean;
  undo: boolean;
  redo: boolean;
  copied: number;
  chosen: string[];
  turn: number;
  answered: number;
  refused: Record<string, { message: string; hint: string }>;
  run: RunShown | null;
  height: number;
}

export type Detail = Record<string, unknown>;
export type Act = (action: string, detail?: Detail) => number;
