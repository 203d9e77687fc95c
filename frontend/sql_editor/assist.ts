// Completion of tables, columns, functions and words, from what Python says there is.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { StateEffect, StateField } from "@codemirror/state";
import { KEYWORDS } from "./language";

export interface KnownTable {
  name: string;
  about: string;
  columns: { name: string; type: string }[];
}

export interface Known {
  tables: KnownTable[];
  functions: string[];
}

const NOTHING: Known = { tables: [], functions: [] };

export const setKnown = StateEffect.define<Known>();

export const knownField = StateField.define<Known>({
  create: () => NOTHING,
  update: (value, transaction) =>
    transaction.effects.reduce((kept, effect) => (effect.is(setKnown) ? effect.value : kept), value),
});

export function complete(context: CompletionContext): CompletionResult | null {
  const known = context.state.field(knownField);
  const text = context.state.doc.toString();
  const before = text.slice(0, context.pos);
  if (isQuiet(before)) return null;
  const word = /[A-Za-z_]\w*$/.exec(before)?.[0] ?? "";
  const from = context.pos - word.length;
  const lead = before.slice(0, from);
  const owner = /([A-Za-z_]\w*)\.$/.exec(lead)?.[1];
  if (owner) return result(from, columnsOf(tablesNamed(text, known, owner)));
  if (/\b(?:from|join)\s+$/i.test(lead) || /\bfrom\s+(?:\w+\s*(?:\w+\s*)?,\s*)+$/i.test(lead)) {
    return result(from, known.tables.map(asOption));
  }
  if (!word && !context.explicit) return null;
  const read = tablesRead(text, known);
  return result(from, [
    ...columnsOf(read.length ? read : known.tables, read.length ? 2 : 0),
    ...known.functions.map((name) => ({ label: name, type: "function", detail: "function", apply: `${name}(`, boost: -1 })),
    ...known.tables.map(asOption),
    ...KEYWORDS.map((label) => ({ label, type: "keyword", apply: label.toUpperCase(), boost: 1 })),
  ]);
}

function result(from: number, options: Completion[]): CompletionResult | null {
  return options.length ? { from, options, validFor: /^\w*$/ } : null;
}

function asOption(table: KnownTable): Completion {
  return { label: table.name, type: "class", detail: "table", info: table.about, boost: 1 };
}

/** Each column once, with its type and the tables it stands in. */
function columnsOf(tables: KnownTable[], boost = 0): Completion[] {
  const found = new Map<string, { type: string; tables: string[] }>();
  for (const table of tables) {
    for (const column of table.columns) {
      const seen = found.get(column.name);
      if (seen) seen.tables.push(table.name);
      else found.set(column.name, { type: column.type, tables: [table.name] });
    }
  }
  return [...found].map(([label, { type, tables: named }]) => ({
    label, type: "property", detail: type, boost, ...(named.length < 4 ? { info: `In ${named.join(", ")}.` } : {}),
  }));
}

/** The tables after FROM and JOIN anywhere in the text. */
function tablesRead(text: string, known: Known): KnownTable[] {
  const words = new Set(text.toLowerCase().match(/[a-z_]\w*/g) ?? []);
  return known.tables.filter((table) => words.has(table.name));
}

/** The table of this name, or the one that an alias of this name stands for. */
function tablesNamed(text: string, known: Known, name: string): KnownTable[] {
  const alias = new RegExp(`\\b(\\w+)\\s+(?:as\\s+)?${name}\\b`, "gi");
  const names = new Set([name.toLowerCase(), ...[...text.matchAll(alias)].map((match) => (match[1] ?? "").toLowerCase())]);
  return known.tables.filter((table) => names.has(table.name));
}

/** Whether the place lies in a comment or in a text, where nothing is completed. */
function isQuiet(before: string): boolean {
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const outside = line.replace(/'(?:[^']|'')*'/g, "");
  return outside.includes("--") || outside.includes("'") || before.lastIndexOf("/*") > before.lastIndexOf("*/");
}
