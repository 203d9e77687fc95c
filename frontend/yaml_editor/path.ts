// Where in a YAML document a position is, read from indentation alone so that it also works while a line is half typed.
import type { Text } from "@codemirror/state";

/** One step from the root: a mapping key, or null for an item of a list, with the place where it was found. */
export interface Step {
  key: string | null;
  line: number;
  column: number;
}

export interface Line {
  indent: number;
  dashes: number[];
  key: string | null;
  keyColumn: number;
  value: string;
  blank: boolean;
}

const KEY = /^(?:"([^"]*)"|'([^']*)'|([^\s"'#\[\]{},&*!|>%@`-][^:#]*?|-[^\s:#][^:#]*?))\s*:(?:\s+(.*))?$/;

export function readLine(text: string): Line {
  let at = text.length - text.trimStart().length;
  const indent = at;
  const dashes: number[] = [];
  while (text[at] === "-" && (at + 1 === text.length || text[at + 1] === " ")) {
    dashes.push(at);
    at += 1;
    while (text[at] === " ") at += 1;
  }
  const rest = text.slice(at).trimEnd();
  const match = KEY.exec(rest);
  const value = (match ? (match[4] ?? "") : rest).replace(/(^|\s)#.*$/, "").trim();
  return {
    indent,
    dashes,
    key: match ? (match[1] ?? match[2] ?? match[3] ?? "") : null,
    keyColumn: at,
    value,
    blank: dashes.length === 0 && (rest === "" || rest.startsWith("#")),
  };
}

/** The steps from the root to what starts at `column` of `line` (both from 1 and 0), or null inside a scalar. */
export function pathAt(doc: Text, line: number, column: number): Step[] | null {
  const path: Step[] = [];
  let dashLimit = column;
  let keyLimit = column;
  for (let number = line; number >= 1 && keyLimit > 0; number--) {
    const text = doc.line(number).text;
    if (number < line && text.startsWith("---")) break;
    const read = readLine(text);
    if (read.blank) continue;
    if (read.key !== null && read.keyColumn < keyLimit && number < line) {
      if (!isOpen(read.value)) return null;
      path.unshift({ key: read.key, line: number, column: read.keyColumn });
      dashLimit = keyLimit = read.keyColumn;
    }
    for (const dash of read.dashes.slice().reverse()) {
      if (dash >= dashLimit) continue;
      path.unshift({ key: null, line: number, column: dash });
      dashLimit = dash;
      keyLimit = dash + 1;  // a list may start in the column of its key
    }
  }
  return path;
}

/** Whether a key with this value may hold nested lines: nothing after it but an anchor or a tag. */
function isOpen(value: string): boolean {
  return value === "" || /^[&!]\S*$/.test(value);
}

/** The other keys of the mapping whose keys stand in `column`, seen from `line`, with their values. */
export function siblings(doc: Text, line: number, column: number): Map<string, string> {
  const found = new Map<string, string>();
  const own = readLine(doc.line(line).text);
  const collect = (number: number, downward: boolean): boolean => {
    const read = readLine(doc.line(number).text);
    if (read.blank || read.indent > column) return true;
    const opensItem = read.dashes.length > 0;
    if (downward && (opensItem || read.indent < column)) return false;
    if (read.key !== null && read.keyColumn === column) found.set(read.key, read.value);
    return !opensItem && read.indent === column;
  };
  if (own.dashes.length === 0) for (let n = line - 1; n >= 1 && collect(n, false); n--);
  for (let n = line + 1; n <= doc.lines && collect(n, true); n++);
  return found;
}
