// The YAML editor: the language, and completion from a JSON Schema that Python passes.
import { autocompletion } from "@codemirror/autocomplete";
import { yaml } from "@codemirror/lang-yaml";
import { hoverTooltip } from "@codemirror/view";
import { CodeEditor, changed, type Data as Plain, type Report } from "../shared/code/editor";
import { complete, hoverAt, schemaField, setSchema } from "./assist";
import type { Schema } from "./schema";

export interface Data extends Plain {
  schema: Schema | null;
}

export class YamlEditor extends CodeEditor<Data> {
  constructor(root: ShadowRoot, data: Data, report: Report) {
    super(root, data, report, {
      extensions: [yaml(), schemaField, autocompletion({ override: [complete], icons: false }), hoverTooltip(hoverAt)],
      take: (view, said, before) => {
        if (changed(said.schema, before.schema)) view.dispatch({ effects: setSchema.of(said.schema) });
      },
    });
  }
}
