// A read-only question to the workspace's figures, behind a fold, and its rows.
import { button, icon, node } from "../../shared/dom";
import { drawing, type Content, type Editor, type Host, type View } from "../types";
import { acts, cellText, cutNote, editorKeys, noteOf, quiet, tableOf, type Cell } from "./parts";

interface SqlView extends View {
  query: string;
  columns: { name: string; type: string }[];
  rows: Cell[][];
  total: number;
  truncated?: boolean;
  cut?: boolean;
  seconds?: number | null;
  tables?: { name: string; columns: { name: string; type: string }[] }[];
}

export const kind = drawing<SqlView>({ type: "sql", draw, edit, after: (view, content) => ({ ...view, query: String(content.query ?? "") }) });

function draw(view: SqlView, host: Host): (Node | null)[] {
  const fold = node("details", { class: "fold" }, [
    node("summary", { text: "Query" }), node("pre", { class: "code", tabindex: "0", text: view.query || "(empty)" }),
  ]);
  fold.open = host.state.fold !== undefined ? Boolean(host.state.fold) : !view.columns.length;
  fold.addEventListener("toggle", () => { host.state.fold = fold.open; });
  const run = button("Run", { icon: "play_arrow", class: "primary", disabled: host.busy || !view.query.trim() }, () => host.did("run"));
  run.dataset.key = "run";
  const figures = view.columns.length ? `${cellText(view.total)} ${view.total === 1 ? "row" : "rows"}${view.truncated ? ", more were left out" : ""}${timing(view)}` : "";
  return [
    fold,
    acts([host.readOnly ? null : run, host.readOnly ? null : button("Edit query", { icon: "edit" }, () => host.edit()), figures ? node("span", { class: "quiet", text: figures }) : null]),
    noteOf(view),
    view.columns.length ? tableOf(view.columns.map((one) => one.name), view.rows, view.total) : quiet("Not run yet."),
    view.cut ? cutNote(host) : null,
  ];
}

function timing(view: SqlView): string {
  return typeof view.seconds === "number" ? `, ${view.seconds.toFixed(2)} s` : "";
}

function edit(view: SqlView, host: Host): Editor {
  const field = node("textarea", { class: "field source code", "aria-label": "Query", spellcheck: "false" });
  const draft = host.state.draft as Content | undefined;
  field.value = String(draft?.query ?? view.content?.query ?? view.query);
  delete host.state.draft;
  const save = (run: boolean) => (): void => {
    if (field.value !== view.content?.query) host.save({ ...view.content, query: field.value });
    host.close();
    if (run) host.did("run");
  };
  const element = node("div", { class: "editor" }, [
    field, tablesOf(view),
    acts([
      button("Save and run", { icon: "play_arrow", class: "primary" }, save(true)), button("Save", {}, save(false)),
      button("Cancel", {}, () => host.close()), node("span", { class: "quiet keys", text: "Ctrl+Enter saves and runs" }),
    ]),
  ]);
  editorKeys(element, save(true), () => host.close());
  return { element, focus: () => field.focus() };
}

function tablesOf(view: SqlView): HTMLElement | null {
  if (!view.tables?.length) return null;
  const lines = view.tables.map((one) => node("li", {}, [
    icon("table"), node("code", { text: one.name }), node("span", { class: "quiet", text: one.columns.map((column) => column.name).join(", ") }),
  ]));
  return node("details", { class: "fold tables" }, [node("summary", { text: "Tables that can be asked" }), node("ul", {}, lines)]);
}
