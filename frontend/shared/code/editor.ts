// One editor on the page, whatever its language: it owns the text, Python owns the problems and the revision.
import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Annotation, Compartment, EditorState, type Extension } from "@codemirror/state";
import {
  EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers, type KeyBinding,
} from "@codemirror/view";
import { ground, groundOf, look } from "./look";
import { problemItem, toDiagnostic, type Problem } from "./problems";
import styles from "./style.css";

export interface Data {
  text: string;
  revision: number;
  problems: Problem[] | null;
  read_only: boolean;
  label: string;
}

/** How the editor tells Python: the draft as state (kept), a save as an event (once). */
export interface Report {
  draft(text: string, revision: number): void;
  saved(): void;
}

/** What a language adds. `take` is called whenever Python has said something, with what it said before. */
export interface Language<Said extends Data> {
  extensions: Extension[];
  keys?: KeyBinding[];
  take?(view: EditorView, data: Said, before: Partial<Said>): void;
  /** What the status line says while nothing is wrong. */
  fine?: string;
}

const PAUSE_MS = 400;
const fromPython = Annotation.define<boolean>();

export class CodeEditor<Said extends Data> {
  report: Report;
  private readonly language: Language<Said>;
  private readonly view: EditorView;
  private readonly frame = element("div", "frame");
  private readonly list = element("ul", "problems");
  private readonly verdict = element("span", "verdict");
  private readonly place = element("span", "place");
  private readonly access = new Compartment();
  private readonly naming = new Compartment();
  private readonly style = element("style", "");
  private revision: number;
  private sent: string;
  private shown: Partial<Said> = {};
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(root: ShadowRoot, data: Said, report: Report, language: Language<Said>) {
    this.report = report;
    this.language = language;
    this.revision = data.revision;
    this.sent = data.text;
    this.style.textContent = styles;
    this.list.setAttribute("aria-label", "Problems");
    this.verdict.setAttribute("role", "status");
    const status = element("div", "status");
    status.append(this.verdict, this.place);
    const text = element("div", "text");
    this.frame.append(text, this.list, status);
    for (const kind of ["keydown", "keypress", "keyup"]) this.frame.addEventListener(kind, keepFromPage);
    root.append(this.style, this.frame);
    const state = EditorState.create({ doc: data.text, extensions: this.extensions() });
    this.view = new EditorView({ state, parent: text, root });
    this.update(data);
    this.showPlace();
  }

  /** Takes what Python says now; the text only when its revision is another one. */
  update(data: Said): void {
    if (data.revision !== this.revision) this.replace(data.text, data.revision);
    const effects = [this.access.reconfigure(access(data)), this.naming.reconfigure(naming(data.label))];
    effects.push(ground.reconfigure(groundOf(this.frame)));
    this.view.dispatch({ effects });
    this.language.take?.(this.view, data, this.shown);
    this.showProblems(data.problems);
    this.shown = data;
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.view.destroy();
    this.frame.remove();
    this.style.remove();
  }

  private extensions(): Extension[] {
    return [
      lineNumbers(), foldGutter(), lintGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(),
      highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), search({ top: true }),
      EditorView.lineWrapping, EditorState.tabSize.of(2), indentUnit.of("  "), look,
      ...this.language.extensions,
      this.access.of([]), this.naming.of([]), ground.of([]),
      keymap.of([
        ...(this.language.keys ?? []), { key: "Mod-s", run: () => this.save(), preventDefault: true },
        ...closeBracketsKeymap, ...completionKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...lintKeymap,
        indentWithTab, ...defaultKeymap,
      ]),
      EditorView.domEventHandlers({ blur: () => this.commit() }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged || update.selectionSet) this.showPlace();
        const typed = update.docChanged && !update.transactions.some((one) => one.annotation(fromPython));
        if (typed) this.commitSoon();
      }),
    ];
  }

  private commitSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.commit(), PAUSE_MS);
  }

  /** Sends the text now. */
  commit(): void {
    clearTimeout(this.timer);
    const text = this.view.state.doc.toString();
    if (text === this.sent) return;
    this.sent = text;
    this.report.draft(text, this.revision);
  }

  private save(): boolean {
    if (this.view.state.readOnly) return true;
    this.commit();
    this.report.saved();
    return true;
  }

  /** Puts another text in place by changing only what differs, so that cursor, folds and undo survive. */
  private replace(text: string, revision: number): void {
    clearTimeout(this.timer);
    this.revision = revision;
    this.sent = text;
    const old = this.view.state.doc.toString();
    if (old === text) return;
    let from = 0;
    const shorter = Math.min(old.length, text.length);
    while (from < shorter && old[from] === text[from]) from++;
    let tail = 0;
    while (tail < shorter - from && old[old.length - 1 - tail] === text[text.length - 1 - tail]) tail++;
    const insert = text.slice(from, text.length - tail);
    this.view.dispatch({ changes: { from, to: old.length - tail, insert }, annotations: fromPython.of(true) });
  }

  private showProblems(problems: Problem[] | null): void {
    if (!changed(problems, this.shown.problems)) return;
    const doc = this.view.state.doc;
    const placed = (problems ?? []).filter((problem) => problem.line > 0);
    this.view.dispatch(setDiagnostics(this.view.state, placed.map((problem) => toDiagnostic(problem, doc))));
    this.list.replaceChildren(...(problems ?? []).map((problem) => problemItem(problem, () => this.goTo(problem))));
    const count = problems?.length ?? 0;
    this.verdict.textContent = problems ? (count ? `${count} problem${count > 1 ? "s" : ""}` : (this.language.fine ?? "No problems")) : "";
  }

  private goTo(problem: Problem): void {
    const { doc } = this.view.state;
    const anchor = problem.line > 0 ? toDiagnostic(problem, doc).from : 0;
    this.view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
    this.view.focus();
  }

  private showPlace(): void {
    const { doc, selection } = this.view.state;
    const line = doc.lineAt(selection.main.head);
    this.place.textContent = `Line ${line.number}, column ${selection.main.head - line.from + 1}`;
  }
}

function access(data: Data): Extension {
  return EditorState.readOnly.of(data.read_only);
}

function naming(label: string): Extension {
  const help = "Tab indents; press Escape, then Tab, to leave the editor.";
  return EditorView.contentAttributes.of({ "aria-label": label, "aria-description": help });
}

export function changed(now: unknown, before: unknown): boolean {
  return before === undefined || JSON.stringify(now) !== JSON.stringify(before);
}

/** Keys typed here are text: the page's single-key shortcuts must not see them, its Ctrl and Cmd ones may. */
function keepFromPage(event: Event): void {
  const key = event as KeyboardEvent;
  if (key.defaultPrevented || !(key.ctrlKey || key.metaKey)) key.stopPropagation();
}

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, className: string): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}
