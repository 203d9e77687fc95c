// What may come next while one writes: commands after "/", agents and their parameters after a command, names after "@".
import type { Option } from "../shared/popup";
import type { Completion, Parameter } from "./data";

export interface Wanted {
  kind: Completion["kind"];
  prefix: string;
}

const MENTION = /(?:^|[\s(])@("?)([^@"\n]{0,60})$/;
const MOST = 8;

/** Which completion the text before the caret asks for. */
export function wantedBy(before: string): Wanted | null {
  if (/^\/\S*$/.test(before) || /^\/\S+\s[^\n]*$/.test(before)) {
    const mention = MENTION.exec(before);
    return mention && mention[0].trim().startsWith("@") && /^\/\S+\s/.test(before) ? { kind: "mentions", prefix: mention[2] ?? "" } : { kind: "commands", prefix: "" };
  }
  const mention = MENTION.exec(before);
  return mention && (mention[2] ?? "").split(" ").length <= 4 ? { kind: "mentions", prefix: mention[2] ?? "" } : null;
}

/** The options for the text before the caret, the best first. */
export function optionsFor(before: string, known: Completion): Option[] {
  if (known.kind === "mentions") return mentions(before, known);
  const command = /^\/(\S*)$/.exec(before);
  if (command) return commands(command[1] ?? "", known);
  const [, name = "", rest = ""] = /^\/(\S+)\s+([^\n]*)$/.exec(before) ?? [];
  const chosen = known.commands.find((each) => each.name === name.toLowerCase());
  if (!chosen?.takes_agent) return [];
  return afterCommand(before, rest, known);
}

function commands(typed: string, known: Completion): Option[] {
  const fitting = known.commands.filter((each) => fits(each.name, typed)).slice(0, 12);
  return fitting.map((each) => ({ label: `/${each.name}`, hint: each.usage.replace(`/${each.name}`, "").trim(), help: each.help, insert: `/${each.name} `, from: 0, exact: each.name === typed.toLowerCase() }));
}

function afterCommand(before: string, rest: string, known: Completion): Option[] {
  const written = agentIn(rest, known);
  if (written) return parameters(before, rest.slice(written.length), written.parameters);
  const typed = rest.replace(/^"/, "");
  const from = before.length - rest.length;
  return known.agents.filter((each) => fits(each.name, typed)).slice(0, MOST).map((each) => ({
    label: each.name, hint: each.epithet, help: parametersOf(each.parameters), insert: `${quoted(each.name)} `, from, exact: false,
  }));
}

/** The agent a command's arguments begin with, once its name is whole, and how much of the text it takes. */
function agentIn(rest: string, known: Completion): { length: number; parameters: Parameter[] } | null {
  for (const each of [...known.agents].sort((a, b) => b.name.length - a.name.length)) {
    for (const written of [`"${each.name}" `, `${each.name} `, `${each.id} `]) {
      if (rest.toLowerCase().startsWith(written.toLowerCase())) return { length: written.length, parameters: each.parameters };
    }
  }
  return null;
}

function parameters(before: string, rest: string, all: Parameter[]): Option[] {
  if (rest.trimStart().startsWith("{")) return [];
  const typed = /(?:^|\s)([A-Za-z0-9_]*)$/.exec(rest)?.[1];
  if (typed === undefined) return [];
  const free = all.filter((each) => !new RegExp(`(^|\\s)${each.key}=`).test(rest) && fits(each.key, typed));
  return free.slice(0, MOST).map((each) => ({
    label: `${each.key}=`, hint: `${each.type}${each.required ? ", required" : ""}`, help: each.description,
    insert: `${each.key}=`, from: before.length - typed.length, exact: false,
  }));
}

function parametersOf(all: Parameter[]): string {
  return all.length ? `Takes ${all.map((each) => each.key).join(", ")}` : "";
}

function mentions(before: string, known: Completion): Option[] {
  const found = MENTION.exec(before);
  if (!found) return [];
  const typed = found[2] ?? "";
  const from = before.length - typed.length - (found[1] ?? "").length - 1;
  return known.mentions.filter((each) => fits(each.name, typed)).slice(0, MOST).map((each) => ({
    label: `@${each.name}`, hint: each.kind === "user" ? "person" : each.kind, help: each.hint, insert: `@${quoted(each.name)} `, from, exact: false,
  }));
}

function quoted(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `"${name.replaceAll('"', "")}"`;
}

/** Whether a name begins with what was typed, or one of its words does. */
function fits(name: string, typed: string): boolean {
  const [whole, part] = [name.toLowerCase(), typed.toLowerCase()];
  return whole.startsWith(part) || whole.split(/[\s_-]+/).some((word) => word.startsWith(part));
}
