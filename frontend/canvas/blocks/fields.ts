// Labelled fields for values that are asked for: they keep what was typed while the page changes around them.
import { node } from "../../shared/dom";
import type { Host } from "../types";
import { labelled } from "./parts";

export interface Asked {
  key: string;
  label: string;
  type: string;
  description?: string;
  required?: boolean;
  default?: unknown;
  accepted_values?: unknown[] | null;
  value?: unknown;
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

export interface Fields {
  elements: HTMLElement[];
  /** The values by key; the first that cannot be read or is missing is named in `wrong`. */
  read(): { values: Record<string, unknown>; wrong: string };
}

export function fieldsOf(asked: Asked[], host: Host): Fields {
  const typed = (host.state.typed ??= {}) as Record<string, string>;
  const made = asked.map((one) => fieldOf(one, typed[one.key] ?? wording(one.value ?? one.default ?? ""), host));
  made.forEach((field, at) => field.addEventListener("input", () => { typed[asked[at]!.key] = raw(field); }));
  const elements = asked.map((one, at) => labelled(`${one.label || one.key}${one.required ? " *" : ""}`, made[at]!, one.description ?? ""));
  return { elements, read: () => readAll(asked, made) };
}

function fieldOf(one: Asked, text: string, host: Host): Field {
  const common = { class: "field", "data-key": `field-${one.key}`, name: one.key, disabled: host.readOnly, required: one.required };
  if (one.accepted_values?.length) {
    const options = one.accepted_values.map(wording);
    const field = node("select", common, ["", ...options].map((value) => node("option", { value, text: value || "choose", selected: value === text })));
    return field;
  }
  if (one.type === "boolean") return node("input", { ...common, required: false, type: "checkbox", checked: text === "true" });
  if (one.type.startsWith("json") || text.includes("\n") || text.length > 80) {
    const field = node("textarea", { ...common, rows: 3, spellcheck: "false" });
    field.value = text;
    return field;
  }
  const numeric = ["number", "integer", "float"].includes(one.type);
  const type = numeric ? "number" : one.type === "date" ? "date" : one.type === "url" ? "url" : "text";
  return node("input", { ...common, type, step: numeric ? (one.type === "integer" ? "1" : "any") : null, value: text, autocomplete: "off" });
}

function raw(field: Field): string {
  return field instanceof HTMLInputElement && field.type === "checkbox" ? String(field.checked) : field.value;
}

function readAll(asked: Asked[], fields: Field[]): { values: Record<string, unknown>; wrong: string } {
  const values: Record<string, unknown> = {};
  let wrong = "";
  for (const [at, one] of asked.entries()) {
    const text = raw(fields[at]!);
    const value = text === "" ? undefined : valueOf(one, text);
    if (value !== undefined) values[one.key] = value;
    else if (text !== "") wrong ||= `"${one.label || one.key}" is not ${one.type.startsWith("json") ? "JSON" : "a number"}.`;
    else if (one.required) wrong ||= `"${one.label || one.key}" is needed.`;
  }
  return { values, wrong };
}

function valueOf(one: Asked, text: string): unknown {
  const accepted = one.accepted_values?.find((value) => wording(value) === text);
  if (accepted !== undefined) return accepted;
  if (one.type === "boolean") return text === "true";
  if (["number", "integer", "float"].includes(one.type)) return Number.isFinite(Number(text)) ? Number(text) : undefined;
  if (!one.type.startsWith("json")) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function wording(value: unknown): string {
  return typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);
}
