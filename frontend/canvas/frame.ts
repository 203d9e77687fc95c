// One block on the board: its head with name, state and menu, and a body that its kind draws. What a person is doing in
// the body is never disturbed: what comes from elsewhere meanwhile is drawn when they are done.
import { button, fill, icon, node } from "../shared/dom";
import { exact, relative } from "../shared/moments";
import { badge } from "./badge";
import { drawingOf } from "./blocks";
import { difference } from "./conflict";
import { openMenu } from "./frame_menu";
import type { Content, Desk, Detail, Drawing, Editor, Host, Line, Refusal, View } from "./types";

interface Saving {
  nonce: number;
  revision: number;
  content: Content;
  next: Content | null;
}

export interface News {
  answered: number;
  refused: Record<string, Refusal>;
  conflicts: Record<string, unknown>;
}

export class Frame implements Host {
  readonly item = node("div", { class: "grid-stack-item" });
  readonly state: Record<string, unknown> = {};
  /** Numbers of refused acts that are shown here and need no other place. */
  readonly claimed = new Set<string>();
  line: Line;
  private readonly drawing: Drawing;
  private readonly article = node("article", { class: "block", tabindex: "0" });
  private readonly title = node("span", { class: "title" });
  private readonly marks = node("span", { class: "marks" });
  private readonly alert = node("div", { class: "alerts" });
  private readonly body = node("div", { class: "body" });
  private editor: Editor | null = null;
  private base = 0;
  private saving: Saving | null = null;
  private mine: Content | null = null;
  private refusal: Refusal | null = null;
  private asked = 0;
  private drawn = "";
  private said = "";
  private late = false;

  constructor(line: Line, private readonly desk: Desk) {
    this.line = line;
    this.drawing = drawingOf(line.type);
    const more = button("Menu of this block", { icon: "more_vert", hidden: true, class: "plain more" }, () => openMenu(this, desk, more));
    more.setAttribute("aria-haspopup", "menu");
    const head = node("header", { class: "head" }, [
      node("span", { class: "grip", title: "Drag to move; with the keyboard: arrow keys on the block" }, [icon("drag_indicator")]),
      icon(line.icon), this.title, this.marks, more,
    ]);
    this.article.append(head, this.alert, this.body);
    this.article.dataset.block = line.id;
    this.article.classList.add(`kind-${line.type}`);
    this.article.classList.toggle("silent", Boolean(this.drawing.quiet));
    this.item.append(node("div", { class: "grid-stack-item-content" }, [this.article]));
    this.article.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("focusout", () => queueMicrotask(() => { if (this.late && !this.held()) this.redraw(); }));
    this.body.addEventListener("dblclick", (event) => {
      if (!(event.target as Element).closest("button, input, textarea, a, td, select, summary, .card")) this.edit();
    });
  }

  get readOnly(): boolean {
    return this.desk.readOnly;
  }

  get busy(): boolean {
    return this.line.busy || this.asked > 0;
  }

  get palette(): string[] {
    return this.desk.palette;
  }

  get workspace(): string {
    return this.desk.workspace;
  }

  get layer(): HTMLElement {
    return this.desk.layer;
  }

  get element(): HTMLElement {
    return this.article;
  }

  /** Whether Enter opens an editor here rather than the settings. */
  get editable(): boolean {
    return Boolean(this.drawing.edit) && !this.readOnly && Boolean(this.line.view.content);
  }

  /** Takes what Python says now. */
  update(line: Line, news: News): void {
    this.line = line;
    this.answer(news);
    this.head();
    this.alerts();
    const drawn = JSON.stringify([this.view(), this.busy, line.error?.message, this.readOnly, line.title]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    if (this.held()) this.late = true;
    else this.redraw();
  }

  /** Time goes on: the words for how long ago it was. */
  tick(): void {
    this.head();
  }

  redraw(): void {
    this.late = false;
    if (this.editor) return;
    const key = (this.active() as HTMLElement | null)?.dataset.key;
    // Asking where something is scrolled to makes the browser lay the page out: not for what was empty.
    const scrolled = this.body.firstChild ? this.scrollers().map((one) => [one.scrollLeft, one.scrollTop]) : [];
    fill(this.body, this.drawing.draw(this.view(), this));
    scrolled.forEach(([left = 0, top = 0], at) => { if (left || top) this.scrollers()[at]?.scrollTo(left, top); });
    if (key) this.body.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  }

  did(action: string, detail: Detail = {}): void {
    const nonce = this.desk.did(action, { block: this.line.id, ...detail });
    if (action !== "run") return;
    this.asked = nonce;
    this.refusal = null;
    this.alerts();
    this.redraw();
    this.head();
  }

  announce(text: string): void {
    this.desk.announce(text);
  }

  /** Puts a content on its way; one at a time, so that the next is based on the revision that the first one makes. */
  save(content: Content): void {
    this.refusal = null;
    if (this.saving) this.saving.next = content;
    else this.send(content, this.base || this.line.revision);
    this.base = 0;
    this.drawn = "";
    if (!this.held()) this.redraw();
    this.head();
    this.alerts();
  }

  /** Opens the editor in place, or the settings of a kind without one. */
  edit(): void {
    if (this.editor || this.readOnly) return;
    if (!this.editable) return this.did("configure");
    // What was left unsaved belongs to the revision it was written over: saving it shows what came between.
    this.base = this.state.draft ? Number(this.state.draftBase ?? this.line.revision) : this.line.revision;
    this.editor = this.drawing.edit!(this.view(), this);
    this.article.classList.add("editing");
    this.widen();
    this.body.replaceChildren(this.editor.element);
    this.editor.focus();
    this.alerts();
  }

  close(): void {
    if (!this.editor) return;
    const within = this.active() !== null;
    this.editor = null;
    if (this.state.draft) this.state.draftBase = this.base || this.line.revision;
    this.base = 0;
    this.article.classList.remove("editing");
    this.article.style.cssText = "";
    this.redraw();
    if (within) this.article.focus({ preventScroll: true });
    this.alerts();
  }

  /** How many pixels the whole content needs. */
  height(): number {
    const over = Math.max(0, this.body.scrollHeight - this.body.clientHeight);
    const inner = [...this.body.children].reduce((sum, child) => sum + (child as HTMLElement).offsetHeight, 0);
    const used = over > 0 ? this.article.offsetHeight + over : this.article.offsetHeight - this.body.clientHeight + inner + 24;
    return Math.max(40, used);
  }

  private scrollers(): Element[] {
    return [...this.body.querySelectorAll("[data-scroll]"), this.body];
  }

  private held(): boolean {
    if (this.editor || this.state.held) return true;
    const active = this.active();
    return active !== null && active.matches("input, textarea, select");
  }

  private active(): Element | null {
    const active = (this.item.getRootNode() as ShadowRoot).activeElement ?? null;
    return active && this.body.contains(active) ? active : null;
  }

  /** What is shown: what is on its way to Python as if it had arrived. */
  private view(): View {
    const content = this.saving?.next ?? this.saving?.content;
    const { view } = this.line;
    return content ? { ...(this.drawing.after?.(view, content) ?? view), content } : view;
  }

  private send(content: Content, revision: number): void {
    const nonce = this.desk.did("save", { block: this.line.id, revision, content });
    this.saving = { nonce, revision, content, next: null };
  }

  private answer({ answered, refused, conflicts }: News): void {
    const nonceOfRun = this.asked;
    const unwilling = refused[nonceOfRun];
    if (this.asked <= answered) this.asked = 0;
    if (unwilling) this.claim(nonceOfRun, unwilling);
    const saving = this.saving;
    if (!saving || saving.nonce > answered) return;
    this.saving = null;
    const latest = saving.next ?? saving.content;
    if (conflicts[saving.nonce] !== undefined) this.mine = latest;
    else if (refused[saving.nonce]) {
      this.claim(saving.nonce, refused[saving.nonce]!);
      // What was typed is not lost: the editor opens again with it.
      if (this.drawing.edit) Object.assign(this.state, { draft: latest, draftBase: this.line.revision });
      if (this.drawing.edit && !this.editor) this.edit();
    }
    else if (saving.next) this.send(saving.next, this.line.revision);
  }

  private claim(nonce: number, refusal: Refusal): void {
    this.claimed.add(String(nonce));
    this.refusal = refusal;
  }

  private head(): void {
    const { line } = this;
    const said = JSON.stringify([line.title, line.name, line.stale, line.status, line.age && relative(line.age), this.busy, this.asked > 0, Boolean(this.saving)]);
    if (said === this.said) return;
    this.said = said;
    this.title.textContent = line.title || line.name;
    this.title.title = line.title ? `${line.title} · {{ blocks.${line.name}.output }}` : `{{ blocks.${line.name}.output }}`;
    const kind = this.desk.kinds.find((one) => one.type === line.type)?.title ?? line.type;
    this.article.setAttribute("aria-label", `${kind}: ${line.title || line.name}`);
    this.article.classList.toggle("stale", line.stale);
    const marks = [
      this.saving ? node("span", { class: "age", text: "saving…" }) : null,
      line.stale ? badge({ word: "Stale", tone: "orange", icon: "update" }, "What it was computed from has changed since") : null,
      line.status && !this.asked ? badge(line.status) : this.busy ? badge({ word: "Running", tone: "orange" }) : null,
      line.age ? ageOf(line.age) : null,
    ];
    this.marks.replaceChildren(...marks.filter((mark): mark is HTMLElement => mark !== null));
  }

  private alerts(): void {
    const { error } = this.line;
    const parts: Node[] = [];
    if (error) parts.push(this.problem(error));
    if (this.refusal) parts.push(this.note(`${this.refusal.message} ${this.refusal.hint}`.trim(), () => { this.refusal = null; this.alerts(); }));
    const other = this.editor && this.base && this.line.revision > this.base && !this.saving;
    if (this.mine) parts.push(this.conflict(this.mine));
    else if (other) parts.push(this.note("Changed elsewhere while you write. Your text is kept; saving shows both.", null));
    this.alert.replaceChildren(...parts);
  }

  private problem(error: NonNullable<Line["error"]>): HTMLElement {
    const run = error.run;
    return node("p", { class: "problem", role: "alert" }, [
      icon("error"), node("span", {}, [
        document.createTextNode(error.message), error.hint ? node("span", { class: "hint", text: ` ${error.hint}` }) : null,
      ]),
      run ? button("See the run", { class: "link" }, () => this.did("go", { page: "runs", parameters: { run } })) : null,
    ]);
  }

  private note(text: string, dismiss: (() => void) | null): HTMLElement {
    return node("p", { class: "problem doubt", role: "alert" }, [
      icon("warning"), node("span", { text }), dismiss ? button("Dismiss", { icon: "close", hidden: true, class: "plain" }, dismiss) : null,
    ]);
  }

  private conflict(mine: Content): HTMLElement {
    const settle = (keep: boolean): void => {
      this.mine = null;
      this.base = 0;
      if (keep) this.save(mine);
      this.alerts();
    };
    return difference(this.line.view.content ?? null, mine, () => settle(true), () => settle(false));
  }

  /** An editor gets room: its block grows over its neighbours while it is open. */
  private widen(): void {
    if (this.desk.narrow) return;
    const board = this.item.parentElement?.clientWidth ?? 0;
    const width = Math.max(this.article.offsetWidth, Math.min(board - 12, 720));
    const over = Math.max(0, this.item.offsetLeft + width + 12 - board);
    this.article.style.cssText = `width:${width}px;left:${-over}px;min-height:${Math.max(this.article.offsetHeight, 320)}px`;
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.article || event.ctrlKey || event.metaKey || event.altKey) return;
    const { id } = this.line;
    if (event.key === "Enter") this.edit();
    else if (this.readOnly) return;
    else if (event.key.startsWith("Arrow")) this.desk.step(id, event.key, event.shiftKey);
    else if (event.key === "Delete" || event.key === "Backspace") this.desk.remove(id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** How long ago; the whole moment is worded when somebody asks for it, because that takes a while. */
function ageOf(moment: string): HTMLElement {
  const age = node("time", { class: "age", datetime: moment, text: relative(moment) });
  age.addEventListener("pointerenter", () => { age.title = exact(moment); });
  return age;
}
