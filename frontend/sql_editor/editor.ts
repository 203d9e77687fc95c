// The SQL editor: the language, completion from the tables that Python passes, and a key that asks.
import { autocompletion, closeCompletion } from "@codemirror/autocomplete";
import { toggleComment } from "@codemirror/commands";
import type { EditorView } from "@codemirror/view";
import { CodeEditor, changed, type Data as Plain, type Report } from "../shared/code/editor";
import { complete, knownField, setKnown, type Known } from "./assist";
import { sql } from "./language";

export interface Data extends Plain {
  known: Known;
}

export interface SqlReport extends Report {
  asked(): void;
}

export class SqlEditor extends CodeEditor<Data> {
  constructor(root: ShadowRoot, data: Data, report: SqlReport) {
    const ask = (view: EditorView): boolean => {
      closeCompletion(view);
      this.commit();
      (this.report as SqlReport).asked();
      return true;
    };
    super(root, data, report, {
      extensions: [sql, knownField, autocompletion({ override: [complete], icons: false })],
      keys: [
        { key: "Mod-Enter", run: ask, preventDefault: true },
        { key: "Mod-/", run: toggleComment },
      ],
      fine: "Ctrl+Enter runs it",
      take: (view, said, before) => {
        if (changed(said.known, before.known)) view.dispatch({ effects: setKnown.of(said.known) });
      },
    });
  }
}
