// What the Events page draws by itself: the stream, a chain as a picture, and who listens to whom. Each is one element
// made from data; what is chosen goes back by its id.
import { whenGone } from "../shared/door";
import { follow } from "../shared/live";
import { node } from "../shared/dom";
import { drawChain, type ChainData } from "./chain";
import { drawMap, type MapData } from "./map";
import { drawStream, type StreamData } from "./stream";
import style from "./style.css";

export type Tell = (name: string, value: unknown) => void;

interface Data {
  view: "stream" | "chain" | "map";
  workspace: string;
  follow: boolean;
}

interface Component {
  data: Data & (StreamData | ChainData | MapData);
  parentElement: ShadowRoot;
  setTriggerValue: Tell;
}

interface Mounted {
  followed: string;
  leave: () => void;
  tell: Tell;
  timer: number;
}

// A storm of events must not draw the page anew for each of them.
const GATHERED = 700;
const TOPICS = ["events", "runs"];
const mounted = new WeakMap<ShadowRoot, Mounted>();

export default function mount({ data, parentElement, setTriggerValue }: Component): () => void {
  const here = mounted.get(parentElement) ?? begin(parentElement);
  here.tell = setTriggerValue;
  attend(here, data);
  const place = parentElement.querySelector<HTMLElement>(".place");
  if (place) draw(place, data, (name, value) => here.tell(name, value));
  return whenGone(parentElement, () => {
    if (mounted.delete(parentElement)) here.leave();
  });
}

function begin(root: ShadowRoot): Mounted {
  const here: Mounted = { followed: "", leave: () => undefined, tell: () => undefined, timer: 0 };
  mounted.set(root, here);
  root.append(node("style", { text: style }), node("div", { class: "place" }));
  return here;
}

/** Follow the workspace while the page is live; the paused page hears nothing but the count of what it misses. */
function attend(here: Mounted, data: Data): void {
  const wanted = data.follow ? data.workspace : "";
  if (here.followed === wanted) return;
  here.leave();
  here.followed = wanted;
  here.leave = () => undefined;
  if (!wanted) return;
  const leave = follow(wanted, TOPICS, () => {
    if (here.timer) return;
    here.timer = window.setTimeout(() => {
      here.timer = 0;
      here.tell("changed", Date.now());
    }, GATHERED);
  });
  here.leave = () => {
    clearTimeout(here.timer);
    here.timer = 0;
    leave();
  };
}

function draw(place: HTMLElement, data: Component["data"], tell: Tell): void {
  if (data.view === "stream") drawStream(place, data as Data & StreamData, tell);
  else if (data.view === "chain") drawChain(place, data as Data & ChainData, tell);
  else drawMap(place, data as Data & MapData, tell);
}
