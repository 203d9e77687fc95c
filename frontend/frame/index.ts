// The small bar above the navigation: search everything, and what one was told. The palette it opens lies over the
// whole page, whatever page that is.
import { fill, icon, node } from "../shared/dom";
import { whenGone } from "../shared/door";
import { follow } from "../shared/live";
import { Palette, type Chosen } from "./palette";
import style from "./style.css";

interface Data {
  workspace: string;
  user: string;
  unread: number;
}

interface Component {
  data: Data;
  parentElement: ShadowRoot;
  setTriggerValue(name: string, value: unknown): void;
}

interface Mounted {
  palette: Palette;
  topic: string;
  leave: () => void;
  tell: Component["setTriggerValue"];
}

const mounted = new WeakMap<ShadowRoot, Mounted>();
const MAC = /Mac|iP(hone|ad)/.test(navigator.platform);

export default function mount(component: Component): () => void {
  const { data, parentElement } = component;
  const here = mounted.get(parentElement) ?? begin(component);
  here.tell = component.setTriggerValue;
  here.palette.workspace = data.workspace;
  followNotifications(here, data);
  draw(parentElement, here, data);
  return whenGone(parentElement, () => {
    if (!mounted.delete(parentElement)) return;
    here.leave();
    here.palette.destroy();
  });
}

function begin({ data, parentElement }: Component): Mounted {
  const here: Mounted = {
    palette: new Palette(data.workspace, parentElement.host, (chosen: Chosen) => here.tell("chosen", { ...chosen, nonce: Date.now() })),
    topic: "", leave: () => undefined, tell: () => undefined,
  };
  mounted.set(parentElement, here);
  parentElement.append(node("style", { text: style }), node("div", { class: "bar" }));
  return here;
}

function followNotifications(here: Mounted, data: Data): void {
  const topic = `${data.workspace} notifications:${data.user}`;
  if (here.topic === topic) return;
  here.leave();
  here.topic = topic;
  here.leave = follow(data.workspace, [`notifications:${data.user}`], () => here.tell("changed", Date.now()));
}

function draw(root: ShadowRoot, here: Mounted, data: Data): void {
  const bar = root.querySelector(".bar");
  if (!bar) return;
  const count = data.unread > 99 ? "99+" : String(data.unread);
  const told = data.unread ? `Notifications, ${count} unread` : "Notifications";
  const search = node("button", { type: "button", class: "search", "aria-keyshortcuts": MAC ? "Meta+K" : "Control+K", onclick: () => here.palette.open() }, [
    icon("search"), node("span", { text: "Search" }), node("kbd", { text: MAC ? "⌘K" : "Ctrl K" }),
  ]);
  const bell = node("button", { type: "button", class: "bell", "aria-label": told, title: told, onclick: () => here.tell("told", Date.now()) }, [
    icon(data.unread ? "notifications_unread" : "notifications"), data.unread ? node("b", { text: count, "aria-hidden": "true" }) : null,
  ]);
  fill(bar, [search, bell]);
}
