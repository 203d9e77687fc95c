// Problems found by Python: as marks in the text and as a list that leads to them.
import type { Diagnostic } from "@codemirror/lint";
import type { Text } from "@codemirror/state";

export interface Problem {
  line: number;
  column: number;
  message: string;
  hint: string;
  severity: "error" | "warning";
}

/** From the problem's place to the end of the word there; a whole line when the column is unknown. */
export function toDiagnostic(problem: Problem, doc: Text): Diagnostic {
  const line = doc.line(Math.min(Math.max(problem.line, 1), doc.lines));
  const firstInk = line.text.length - line.text.trimStart().length;
  const start = Math.min(problem.column > 0 ? problem.column - 1 : firstInk, Math.max(line.length - 1, 0));
  const rest = line.text.slice(start);
  const length = problem.column > 0 ? (/^[\w.$-]+/.exec(rest)?.[0].length ?? rest.length) : rest.trimEnd().length;
  return {
    from: line.from + start,
    to: line.from + Math.min(start + Math.max(length, 1), line.length),
    severity: problem.severity,
    message: problem.hint ? `${problem.message}\n${problem.hint}` : problem.message,
  };
}

export function problemItem(problem: Problem, open: () => void): HTMLLIElement {
  const item = document.createElement("li");
  item.className = problem.severity;
  const button = document.createElement("button");
  button.type = "button";
  button.addEventListener("click", open);
  const place = problem.line > 0 ? `${sign(problem)} line ${problem.line}` : `${sign(problem)} text`;
  button.append(span("place", place), span("what", problem.message), span("hint", problem.hint));
  item.append(button);
  return item;
}

function sign(problem: Problem): string {
  return problem.severity === "warning" ? "!" : "✕";
}

function span(name: string, text: string): HTMLSpanElement {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}
