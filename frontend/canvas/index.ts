// The door to Streamlit: it calls the default export at mount and again whenever data or theme change.
import { whenGone } from "../shared/door";
import { follow } from "../shared/live";
import { Board } from "./board";
import { Outbox } from "./outbox";
import type { Data } from "./types";

interface Component {
  data: Data;
  parentElement: ShadowRoot;
  setTriggerValue(name: string, value: unknown): void;
}

interface Mounted {
  board: Board;
  page: string;
  topics: string;
  leave: () => void;
  tell: () => void;
}

const mounted = new WeakMap<ShadowRoot, Mounted>();
// Streamlit reruns once for each event: what changes in one breath is one.
const BREATH_MS = 300;

export default function mount(component: Component): () => void {
  const { data, parentElement } = component;
  const before = mounted.get(parentElement);
  if (before && before.page !== data.page.id) leave(parentElement, before);
  const here = mounted.get(parentElement) ?? begin(component);
  here.board.outbox.send = (acts) => component.setTriggerValue("did", acts);
  here.tell = () => component.setTriggerValue("changed", Date.now());
  if (here === before) here.board.update(data);
  listen(here, data);
  return whenGone(parentElement, () => leave(parentElement, here));
}

function begin(component: Component): Mounted {
  const { data, parentElement } = component;
  const outbox = new Outbox((acts) => component.setTriggerValue("did", acts));
  const made: Mounted = { board: new Board(parentElement, data, outbox), page: data.page.id, topics: "", leave: () => undefined, tell: () => undefined };
  mounted.set(parentElement, made);
  return made;
}

function leave(parent: ShadowRoot, here: Mounted): void {
  if (mounted.get(parent) !== here) return;
  mounted.delete(parent);
  here.leave();
  here.board.destroy();
}

function listen(here: Mounted, data: Data): void {
  const topics = JSON.stringify([data.workspace, data.topics]);
  if (here.topics === topics) return;
  here.topics = topics;
  here.leave();
  here.leave = data.topics.length ? followed(here, data) : () => undefined;
}

function followed(here: Mounted, data: Data): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (): void => {
    timer = undefined;
    if (!document.hidden) here.tell();
    else document.addEventListener("visibilitychange", tell, { once: true });
  };
  const stop = follow(data.workspace, data.topics, () => { timer ??= setTimeout(tell, BREATH_MS); });
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", tell);
    stop();
  };
}
