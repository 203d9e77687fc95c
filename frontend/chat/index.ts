// The door to Streamlit: it calls the default export at mount and again whenever data or theme change.
import { whenGone } from "../shared/door";
import { Board } from "./board";
import type { Action, Data } from "./data";

interface Component {
  data: Data;
  parentElement: ShadowRoot;
  setTriggerValue(name: string, value: unknown): void;
}

const mounted = new WeakMap<ShadowRoot, Board>();

export default function mount(component: Component): () => void {
  const { data, parentElement } = component;
  const report = {
    did: (actions: Action[]) => component.setTriggerValue("did", actions),
    changed: () => component.setTriggerValue("changed", Date.now()),
  };
  const board = mounted.get(parentElement) ?? new Board(parentElement, report);
  mounted.set(parentElement, board);
  board.report = report;
  board.update(data);
  return whenGone(parentElement, () => {
    if (mounted.delete(parentElement)) board.destroy();
  });
}
