// One field of a node or flow: it shows what is written, and gives back what was typed as the value it stands for.
import { createContext, useContext, useEffect, useRef, useState } from "react";
import type { Field, Path } from "./types";

/** The paths that may be read where the fields stand. */
export const Reads = createContext<string[]>([]);

export const ID: Field = {
  path: ["id"], label: "Id", form: "line", help: "Its name in the flow; others read it as nodes.<id>. They are changed, too.", needed: true, choices: [], usual: "", more: false,
};

interface EntryProps {
  field: Field;
  value: unknown;
  disabled: boolean;
  set: (value: unknown) => void;
}

/** One field. It keeps what is typed until it is left or Enter is pressed, and follows the text when that changes. */
export function Entry({ field, value, disabled, set }: EntryProps) {
  const written = textOf(field, value);
  const [wrong, setWrong] = useState("");
  const commit = (text: string) => {
    if (text === written) return;
    const read = parsed(field, text);
    setWrong(read.wrong);
    if (!read.wrong) set(read.value);
  };
  const hint = field.usual ? `usually ${field.usual}` : HINTS[field.form] ?? "";
  const area = field.form === "area" || (field.form === "json" && written.length > 40) || written.includes("\n");
  return (
    <label className="labelled">
      <span className="name">{field.label}{field.needed && <span aria-label="needed"> *</span>}</span>
      {field.choices.length > 0 || field.form === "switch"
        ? <Choice field={field} written={written} disabled={disabled} commit={commit} />
        : <Typed field={field} written={written} area={area} hint={hint} disabled={disabled} commit={commit} />}
      {wrong && <span className="wrong" role="alert">{wrong}</span>}
      {field.help && <span className="quiet help">{field.help}</span>}
    </label>
  );
}

interface TypedProps {
  field: Field;
  written: string;
  area: boolean;
  hint: string;
  disabled: boolean;
  commit: (text: string) => void;
}

function Typed({ field: spec, written, area, hint, disabled, commit }: TypedProps) {
  const field = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const touched = useRef(false);
  useEffect(() => {
    // What somebody is writing is never written over.
    if (field.current && !touched.current && field.current.value !== written) field.current.value = written;
  }, [written]);
  const done = () => {
    if (touched.current && field.current) commit(field.current.value);
    touched.current = false;
  };
  const common = {
    ref: field, className: "field", disabled, "aria-label": spec.label, defaultValue: written, placeholder: hint, spellCheck: false,
    onChange: () => { touched.current = true; }, onBlur: done,
  };
  const put = (path: string) => {
    const element = field.current;
    if (!element) return;
    const words = spec.form === "condition" ? path : `{{ ${path} }}`;
    element.setRangeText(words, element.selectionStart ?? element.value.length, element.selectionEnd ?? element.value.length, "end");
    touched.current = true;
    element.focus();
  };
  const box = area
    ? <textarea {...common} rows={Math.min(12, Math.max(2, written.split("\n").length))} onKeyDown={(event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && done()} />
    : <input {...common} autoComplete="off" onKeyDown={(event) => event.key === "Enter" && done()} />;
  return <>{box}{!disabled && isFilled(spec) && <Picker label={spec.label} own={spec.path.at(-1) === "when" ? ["value"] : []} chosen={put} />}</>;
}

/** Fields whose text may read what other nodes gave back. */
function isFilled(field: Field): boolean {
  return field.path[0] === "inputs" || field.form === "condition" || ["approval.title", "approval.body", "foreach", "wait.until"].includes(field.path.join("."));
}

/** A list of what can be read here; a click writes it where the caret is. */
function Picker({ label, own, chosen }: { label: string; own: string[]; chosen: (path: string) => void }) {
  const reads = [...own, ...useContext(Reads)];
  const [open, setOpen] = useState(false);
  if (!reads.length) return null;
  return (
    <span className="picker">
      <button type="button" className="plain" aria-expanded={open} aria-label={`Put a value into ${label}`} title="Put a value here" onMouseDown={(event) => event.preventDefault()}
        onClick={(event) => { event.preventDefault(); setOpen(!open); }}>{"{ }"}</button>
      {open && (
        <span className="reads">
          {reads.map((path) => (
            <button key={path} type="button" className="plain" onMouseDown={(event) => event.preventDefault()} onClick={(event) => { event.preventDefault(); setOpen(false); chosen(path); }}>{path}</button>
          ))}
        </span>
      )}
    </span>
  );
}

function Choice({ field, written, disabled, commit }: { field: Field; written: string; disabled: boolean; commit: (text: string) => void }) {
  const options = field.form === "switch" ? ["true", "false"] : field.choices;
  const usual = field.usual ? `usual (${field.usual})` : field.needed ? "choose one" : "not given";
  return (
    <select className="field" disabled={disabled} aria-label={field.label} value={written} onChange={(event) => commit(event.target.value)}>
      <option value="">{usual}</option>
      {written && !options.includes(written) && <option value={written}>{written}</option>}
      {options.map((option) => <option key={option} value={option}>{option}</option>)}
    </select>
  );
}

const HINTS: Partial<Record<Field["form"], string>> = { duration: "30s, 10m, 1h", condition: "inputs.total > 100", names: "one, two", json: "a value, JSON or {{ ... }}" };

function textOf(field: Field, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (field.form === "names" && Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value, null, 2) : String(value);
}

/** What a typed text stands for; a template stays as it is whatever the field wants. */
function parsed(field: Field, text: string): { value: unknown; wrong: string } {
  const trimmed = text.trim();
  if (!trimmed) return { value: null, wrong: "" };
  if (trimmed.includes("{{")) return { value: field.form === "json" && /^[[{](?!\{)/.test(trimmed) ? json(trimmed) : text, wrong: "" };
  if (field.form === "number") {
    const number = Number(trimmed);
    return Number.isFinite(number) ? { value: number, wrong: "" } : { value: null, wrong: "Write a number, or {{ ... }}." };
  }
  if (field.form === "switch") return { value: trimmed === "true", wrong: "" };
  if (field.form === "names") return { value: trimmed.split(",").map((word) => word.trim()).filter(Boolean), wrong: "" };
  if (field.form === "json") {
    const value = json(trimmed);
    const broken = typeof value === "string" && /^[[{"]/.test(trimmed);
    return broken ? { value: null, wrong: "This is not JSON yet." } : { value, wrong: "" };
  }
  return { value: text, wrong: "" };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function at(values: unknown, path: Path): unknown {
  return path.reduce<unknown>((found, step) => (found && typeof found === "object" ? (found as Record<string, unknown>)[String(step)] : undefined), values);
}
