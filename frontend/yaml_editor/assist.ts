// Completion and hover texts from the JSON Schema that Python passes.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { StateEffect, StateField, type EditorState, type Text } from "@codemirror/state";
import type { EditorView, Tooltip } from "@codemirror/view";
import { pathAt, readLine, siblings, type Step } from "./path";
import { alternatives, below, fitting, knownValues, typeName, typesOf, type Schema } from "./schema";

export const setSchema = StateEffect.define<Schema | null>();

export const schemaField = StateField.define<Schema | null>({
  create: () => null,
  update: (value, transaction) =>
    transaction.effects.reduce((kept, effect) => (effect.is(setSchema) ? effect.value : kept), value),
});

/** The schemas that apply at the end of `path`, narrowed at each mapping by the values beside it. */
function schemasAt(root: Schema, doc: Text, path: Step[]): Schema[] {
  return path.reduce((schemas, step) => {
    const beside = step.key === null ? new Map<string, string>() : siblings(doc, step.line, step.column);
    return below(fitting(schemas, beside), step.key, root);
  }, alternatives(root, root));
}

export function complete(context: CompletionContext): CompletionResult | null {
  const root = context.state.field(schemaField);
  if (!root) return null;
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const value = /^(\s*(?:- +)*)([^\s#:][^#:]*?)\s*:\s+(["']?[^\s"'#\[\]{}]*)$/.exec(before);
  if (value) return completeValue(context, root, value);
  const word = /^\s*(?:- +)*([\w.-]*)$/.exec(before);
  return word ? completeKey(context, root, word[1] ?? "") : null;
}

function completeValue(context: CompletionContext, root: Schema, match: RegExpExecArray): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos);
  const column = (match[1] ?? "").length;
  const path = pathAt(context.state.doc, line.number, column);
  if (!path) return null;
  const step = { key: readLine(line.text).key ?? match[2] ?? "", line: line.number, column };
  const options = valueOptions(schemasAt(root, context.state.doc, [...path, step]));
  return options.length ? { from: context.pos - (match[3] ?? "").length, options, validFor: /^["']?[\w.-]*$/ } : null;
}

function completeKey(context: CompletionContext, root: Schema, word: string): CompletionResult | null {
  if (!word && !context.explicit) return null;
  const { doc } = context.state;
  const line = doc.lineAt(context.pos);
  const from = context.pos - word.length;
  const column = from - line.from;
  const path = pathAt(doc, line.number, column);
  if (!path) return null;
  const beside = siblings(doc, line.number, column);
  const schemas = fitting(schemasAt(root, doc, path), beside);
  const options = [...keyOptions(schemas, beside, root, column)];
  if (path.at(-1)?.key === null) options.push(...valueOptions(schemas));
  return options.length ? { from, options, validFor: /^[\w.-]*$/ } : null;
}

function* keyOptions(schemas: Schema[], taken: Map<string, string>, root: Schema, column: number): Iterable<Completion> {
  const offered = new Set<string>();
  for (const schema of schemas) {
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      if (offered.has(key) || taken.has(key) || property.deprecated) continue;
      offered.add(key);
      const inner = alternatives(property, root);
      const required = schema.required?.includes(key) ?? false;
      yield {
        label: key,
        type: "property",
        detail: typesOf(inner, root) + (required ? ", required" : ""),
        info: () => explanation(key, inner, root),
        apply: key + openingAfter(inner, root, column),
        boost: required ? 1 : 0,
      };
    }
  }
}

/** What to type after a completed key: a space, or the start of a nested block. */
function openingAfter(schemas: Schema[], root: Schema, column: number): string {
  const kinds = new Set(schemas.map((schema) => typeName(schema, root).split(" ")[0]));
  if (kinds.size !== 1) return ": ";
  const indent = `\n${" ".repeat(column + 2)}`;
  if (kinds.has("mapping")) return `:${indent}`;
  return kinds.has("list") ? `:${indent}- ` : ": ";
}

function valueOptions(schemas: Schema[]): Completion[] {
  const options = new Map<string, Completion>();
  for (const schema of schemas) {
    for (const value of knownValues(schema)) {
      const label = literal(value);
      const detail = value === schema.default ? "default" : "";
      if (!options.has(label)) options.set(label, { label, type: "enum", ...(detail ? { detail } : {}) });
    }
  }
  return [...options.values()];
}

/** A value as YAML text; words that YAML would read as something else are quoted. */
function literal(value: unknown): string {
  const text = String(value);
  if (typeof value !== "string") return text;
  const plain = /^[A-Za-z_/][\w ./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return plain ? text : JSON.stringify(text);
}

/** The key under the pointer with what the schema says about it. */
export function hoverAt(view: EditorView, pos: number): Tooltip | null {
  const { state } = view;
  const root = state.field(schemaField);
  const found = root ? keyAt(state, pos) : null;
  if (!root || !found) return null;
  const schemas = schemasAt(root, state.doc, found.path);
  if (!schemas.length) return null;
  return { pos: found.from, end: found.to, above: true, create: () => ({ dom: explanation(found.key, schemas, root) }) };
}

function keyAt(state: EditorState, pos: number): { key: string; from: number; to: number; path: Step[] } | null {
  const line = state.doc.lineAt(pos);
  const { key, keyColumn } = readLine(line.text);
  if (key === null) return null;
  const from = line.from + keyColumn;
  const to = line.from + line.text.indexOf(":", keyColumn + key.length);
  const path = pos >= from && pos <= to ? pathAt(state.doc, line.number, keyColumn) : null;
  return path && { key, from, to, path: [...path, { key, line: line.number, column: keyColumn }] };
}

function explanation(key: string, schemas: Schema[], root: Schema): HTMLElement {
  const box = document.createElement("div");
  box.className = "explanation";
  const add = (tag: string, text: string, name = ""): void => {
    const element = document.createElement(tag);
    element.textContent = text;
    element.className = name;
    box.append(element);
  };
  add("code", key, "name");
  add("span", typesOf(schemas, root), "type");
  for (const text of new Set(schemas.map((schema) => schema.description ?? ""))) if (text) add("p", text);
  const values = [...new Set(schemas.flatMap((schema) => schema.enum ?? []))];
  if (values.length) add("p", `Values: ${values.map(literal).join(", ")}`, "values");
  const preset = schemas.find((schema) => schema.default !== undefined && schema.default !== null)?.default;
  if (preset !== undefined) add("p", `Default: ${JSON.stringify(preset)}`, "values");
  return box;
}
