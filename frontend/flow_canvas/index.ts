// The picture of a flow as Streamlit mounts it: the door calls the default export at mount and whenever the data change.
import sheet from "@xyflow/react/dist/base.css";
import { createElement } from "react";
import { createRoot, type Root } from "react-dom/client";
import { node } from "../shared/dom";
import { whenGone } from "../shared/door";
import { Board } from "./board";
import { Outbox } from "./outbox";
import style from "./style.css";
import type { Data } from "./types";

interface Component {
  data: Data;
  parentElement: ShadowRoot;
  setTriggerValue(name: string, value: unknown): void;
}

interface Mounted {
  root: Root;
  outbox: Outbox;
}

const mounted = new WeakMap<ShadowRoot, Mounted>();

export default function mount(component: Component): () => void {
  const { data, parentElement } = component;
  const here = mounted.get(parentElement) ?? begin(parentElement);
  here.outbox.send = (acts) => component.setTriggerValue("did", acts);
  here.outbox.answered(data.answered);
  here.root.render(createElement(Board, { key: data.flow, data, outbox: here.outbox }));
  return whenGone(parentElement, () => {
    if (!mounted.delete(parentElement)) return;
    here.outbox.close();
    here.root.unmount();
  });
}

function begin(parent: ShadowRoot): Mounted {
  const place = node("div", { class: "place" });
  for (const kind of ["keydown", "keypress", "keyup"]) place.addEventListener(kind, keepFromPage);
  parent.append(node("style", { text: sheet }), node("style", { text: style }), place);
  const made = { root: createRoot(place), outbox: new Outbox(() => undefined) };
  mounted.set(parent, made);
  return made;
}

/** Letters typed here are no shortcuts of the page around; Shift and the like must still reach those who listen there. */
function keepFromPage(event: Event): void {
  const key = event as KeyboardEvent;
  if (key.key.length === 1 && !key.ctrlKey && !key.metaKey) key.stopPropagation();
}
