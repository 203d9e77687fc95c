// One figure, how it changed, and its days as a line.
import { button, icon, node } from "../../shared/dom";
import { drawing, type Host, type View } from "../types";
import { acts, noteOf } from "./parts";

interface TileView extends View {
  label?: string;
  text?: string;
  value?: number | null;
  change?: string | null;
  tone?: "good" | "bad" | "even";
  since_text?: string;
  agent?: string | null;
  help?: string;
  spark?: { labels: string[]; values: (number | null)[] };
}

export const kind = drawing<TileView>({ type: "kpi_tile", draw });

const TONES = { good: "green", bad: "red", even: "gray" };

function draw(view: TileView, host: Host): (Node | null)[] {
  if (view.state && view.state !== "ready") {
    const choose = view.state === "unset" && !host.readOnly ? acts([button("Choose a figure", { class: "choose" }, () => host.did("configure"))]) : null;
    return [noteOf(view), choose];
  }
  const arrow = view.change ? (view.change.startsWith("-") || view.change.startsWith("−") ? "trending_down" : view.change.startsWith("+") ? "trending_up" : "trending_flat") : "";
  const under = [view.label !== host.line.title ? view.label : "", view.agent, view.since_text].filter(Boolean).join(" · ");
  return [
    node("div", { class: "tile-view", title: view.help ?? null }, [
      node("p", { class: "figure" }, [
        node("strong", { text: view.text ?? "–" }),
        view.change ? node("span", { class: `change ${TONES[view.tone ?? "even"] ?? "gray"}` }, [icon(arrow), document.createTextNode(view.change)]) : null,
      ]),
      node("p", { class: "quiet", text: under }),
      view.spark ? spark(view.spark.values) : null,
    ]),
    noteOf(view),
  ];
}

/** A line without axes; whoever listens has the figure and its change. */
function spark(values: (number | null)[]): Element | null {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return null;
  const low = Math.min(...known), span = Math.max(...known) - low || 1;
  const points = values.map((value, at) => (value === null ? "" : `${((at / (values.length - 1)) * 100).toFixed(2)},${(29 - ((value - low) / span) * 28).toFixed(2)}`));
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "polyline");
  for (const [name, value] of Object.entries({ viewBox: "0 0 100 30", preserveAspectRatio: "none", "aria-hidden": "true", class: "spark" })) picture.setAttribute(name, value);
  line.setAttribute("points", points.filter(Boolean).join(" "));
  picture.append(line);
  return picture;
}
