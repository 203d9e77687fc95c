// What Python says and what it is told; ionflux_ui/chat_data.py and chat_view.py make it, chat_actions.py takes it.
export interface Goal {
  page: string;
  parameters: Record<string, string>;
}

export interface ChannelLine {
  id: string;
  name: string;
  type: "public" | "private" | "dm" | "agent_dedicated";
  archived: boolean;
  unread: number;
  mentioned: boolean;
}

/** The agent of an agent_dedicated channel: which engine answers, and what it may call. */
export interface Partner {
  id: string;
  name: string;
  epithet: string;
  engine: string;
  calls: string[];
  note: string;
}

export interface OpenChannel extends ChannelLine {
  description: string;
  members: string[];
  partner: Partner | null;
}

export interface ReactionView {
  emoji: string;
  count: number;
  mine: boolean;
  names: string;
}

export interface MentionView {
  kind: "user" | "agent" | "page" | "brand" | "creator";
  id: string;
  name: string;
  goal: Goal | null;
}

/** One value by its type; `cut` says that it was shortened on its way here. */
export type Shown =
  | { kind: "markdown" | "text" | "json"; text: string; cut: boolean }
  | { kind: "number"; text: string }
  | { kind: "link"; text: string; url: string }
  | { kind: "table"; columns: string[]; rows: (string | number | boolean | null)[][]; total: number; cut: boolean }
  | { kind: "tree"; value: unknown; cut: boolean }
  | { kind: "not_computed"; text: string };

export interface ProposalView {
  title: string;
  description: string;
  data: Shown | null;
  actions: { id: string; label: string; style: "primary" | "danger" | "plain" }[];
  chosen: string | null;
  chosen_label: string;
  chosen_by: string;
  chosen_at: string | null;
}

export interface FileView {
  name: string;
  media_type: string;
  size: string;
  picture: boolean;
  /** Relative to the program's own address. */
  address: string;
}

export interface StatusView {
  run: string;
  agent: string;
  word: string;
  icon: string;
  tone: string;
  running: boolean;
  waiting: boolean;
  step: string;
  steps_done: number;
  said: string;
  preview: string;
  error: { message: string; hint: string } | null;
  results: { key: string; shown: Shown }[];
  began: string;
  ended: boolean;
}

export interface MessageView {
  id: string;
  thread: string | null;
  channel: string;
  channel_name: string;
  sender: { kind: "user" | "agent" | "system"; id: string; name: string; definition: string; mine: boolean; goal: Goal | null };
  type: string;
  text: string;
  at: string;
  exact: string;
  edited: boolean;
  deleted: boolean;
  /** Why these may be words of someone outside, as the end of a sentence that begins with "the run". */
  outside: string;
  reactions: ReactionView[];
  mentions: MentionView[];
  replies: number;
  last_reply: string | null;
  run: Goal | null;
  json: Shown | null;
  proposal: ProposalView | null;
  files: FileView[];
  status: StatusView | null;
  may_edit: boolean;
  may_delete: boolean;
}

/** Messages in the order of time; `more` says that older ones may exist. */
export interface Part {
  messages: MessageView[];
  more: boolean;
}

export interface Parameter {
  key: string;
  type: string;
  required: boolean;
  description: string;
}

export interface Completion {
  kind: "commands" | "mentions";
  prefix: string;
  commands: { name: string; usage: string; help: string; takes_agent: boolean }[];
  agents: { id: string; name: string; epithet: string; parameters: Parameter[] }[];
  mentions: { kind: string; id: string; name: string; hint: string }[];
}

/** What one action came to; `completion` and `part` answer the actions that ask for something. */
export interface Outcome {
  nonce: string;
  error: { message: string; hint: string } | null;
  message?: MessageView | null;
  part?: Part | null;
  completion?: Completion | null;
}

export interface Data {
  workspace: string;
  me: { id: string; name: string };
  channels: ChannelLine[];
  archived_shown: boolean;
  channel: OpenChannel | null;
  newest: Part;
  /** Older messages that have changed since they were sent. */
  touched: MessageView[];
  past: Part | null;
  focus: string | null;
  thread: (Part & { root: MessageView }) | null;
  search: { question: string; everywhere: boolean; hits: MessageView[]; more: boolean; error: string } | null;
  outcomes: Outcome[];
  notice: { message: string; hint: string } | null;
  limits: { text: number; file: number };
}

export interface Action {
  nonce: string;
  action: string;
  [key: string]: unknown;
}
