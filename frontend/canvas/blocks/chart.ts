// A chart of figures, of a question or of another block's table: drawn by what draws the dashboard's.
import { button, fill, node } from "../../shared/dom";
import { legendOf, plotOf, rowsOf, tableOf } from "../../../ionflux_ui/components/charts.js";
import { drawing, type Host, type View } from "../types";
import { acts, noteOf, quiet, readsOf } from "./parts";

interface ChartView extends View {
  kind?: "columns" | "lines" | "rows";
  labels?: string[];
  full?: string[];
  series?: { key: string; name: string; values: (number | null)[]; texts: string[] }[];
  unit?: string;
  range?: [number, number];
  ticks?: [number, string][];
  source?: string;
}

export const kind = drawing<ChartView>({ type: "chart", draw });

function draw(view: ChartView, host: Host): (Node | null)[] {
  if ((view.state && view.state !== "ready") || !view.labels?.length || !view.series?.length) return empty(view, host);
  const { palette } = host;
  const chart = {
    key: host.line.id, title: host.line.title || host.line.name, help: "", unit: view.unit ?? "", opens: "", keys: [], kind: view.kind ?? "columns",
    labels: view.labels, full: view.full ?? view.labels, range: view.range ?? [0, 1], ticks: view.ticks ?? [],
    series: view.series.map((one, at) => ({ ...one, color: palette[at % palette.length], hatched: at >= palette.length })),
  };
  const box = node("div", { class: `drawn chart ${chart.kind}` });
  fill(box, [
    chart.series.length > 1 ? legendOf(chart.series) : null,
    chart.kind === "rows" ? rowsOf(chart, ignore) : plotOf(chart, ignore),
    tableOf(chart, ignore),
  ]);
  return [box, view.source ? quiet(view.source) : null, readsOf(view), noteOf(view)];
}

function empty(view: ChartView, host: Host): (Node | null)[] {
  const compute = host.line.computes && view.state !== "unset" && !host.readOnly;
  return [
    noteOf(view) ?? quiet("Nothing to draw yet."),
    host.readOnly ? null : acts([
      compute ? button("Compute", { icon: "refresh", class: "primary", disabled: host.busy }, () => host.did("run")) : null,
      button("Configure", { icon: "tune" }, () => host.did("configure")),
    ]),
  ];
}

function ignore(): void {
  // A chart on a page opens nothing.
}
