// Messages one below the other: drawn where they changed, held in place while others come, read when they are seen.
import { button, node } from "../shared/dom";
import type { MessageView, Part } from "./data";
import type { Host } from "./host";
import { draw, signature } from "./message";
import { Strip } from "./strip";

const NEAR = 48;
const TOGETHER_MS = 5 * 60_000;

interface Options {
  thread: string | null;
  label: string;
  /** Ask for messages before or around one. */
  ask(what: "older" | "around", anchor: string, taken: (part: Part | null) => void): void;
  /** The newest message is in sight. */
  seen(message: MessageView): void;
}

export class Stream {
  readonly element: HTMLElement;
  readonly strip = new Strip();
  private readonly list: HTMLOListElement;
  private readonly scroller: HTMLElement;
  private readonly jump: HTMLButtonElement;
  private readonly drawn = new Map<string, { signature: string; element: HTMLElement }>();
  private readonly resized: ResizeObserver;
  private lineAbove: string | null = null;
  private below = 0;
  private atBottom = true;
  private lastSize = "";
  private asking = false;
  private endOfPast = false;
  private started = false;
  private root: MessageView | null = null;
  private focused: string | null = null;

  constructor(private readonly host: Host, private readonly options: Options) {
    this.list = node("ol", { class: "messages", "aria-label": options.label, tabindex: "-1" });
    this.scroller = node("div", { class: "scroller" }, [this.list]);
    this.jump = button("Jump to newest", { icon: "arrow_downward", class: "jump" }, () => this.toNewest());
    this.element = node("div", { class: "stream-frame" }, [this.scroller, this.jump]);
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("focusin", (event) => this.rove(event.target as HTMLElement));
    this.resized = new ResizeObserver(() => this.atBottom && this.toBottom());
    this.resized.observe(this.list);
    this.resized.observe(this.scroller);
  }

  /** Take the newest messages; `unread` of them have not been seen when the stream is new. */
  update(newest: Part, past: Part | null, focus: string | null, unread: number, root: MessageView | null = null): void {
    const known = this.strip.newest?.id ?? "";
    this.root = root;
    this.strip.takeNewest(newest);
    if (!this.started) {
      this.placeLine(newest.messages, unread);
      if (past) this.strip.takeAround(past);
      this.started = true;
      this.draw();
      if (focus && this.reveal(focus)) return;
      this.toBottom();
      return;
    }
    const fresh = newest.messages.filter((message) => message.id > known);
    this.hear(fresh);
    if (fresh.some((message) => message.sender.mine)) return this.toNewest();
    this.draw();
    if (this.atBottom && !this.strip.detached) this.toBottom();
    else this.below += fresh.length;
    this.showJump();
    this.checkSeen();
  }

  destroy(): void {
    this.resized.disconnect();
  }

  /** Show a message that is known here, marked; false when it is not known. */
  reveal(id: string): boolean {
    const element = this.drawn.get(id)?.element;
    if (!element) return false;
    this.focused = id;
    this.draw();
    this.atBottom = false;
    const shown = this.drawn.get(id)?.element ?? element;
    const frame = this.scroller.getBoundingClientRect();
    this.scroller.scrollTop += shown.getBoundingClientRect().top - frame.top - frame.height / 3;
    this.measure();
    return true;
  }

  /** Open an older place. */
  around(id: string): void {
    if (this.reveal(id)) return;
    this.options.ask("around", id, (part) => {
      if (!part) return;
      this.strip.takeAround(part);
      this.endOfPast = false;
      this.draw();
      this.reveal(id);
    });
  }

  toNewest(): void {
    this.strip.toNewest();
    this.focused = null;
    this.below = 0;
    this.draw();
    this.toBottom();
  }

  draw(): void {
    const anchor = this.anchor();
    const wanted = this.lines();
    let at = this.list.firstChild;
    for (const element of wanted) {
      if (element === at) at = at.nextSibling;
      else this.list.insertBefore(element, at);
    }
    while (at) {
      const next: ChildNode | null = at.nextSibling;
      at.remove();
      at = next;
    }
    if (!this.list.querySelector('[tabindex="0"].message')) this.list.lastElementChild?.setAttribute("tabindex", "0");
    if (anchor) {
      const element = this.drawn.get(anchor.id)?.element;
      if (element?.isConnected) this.scroller.scrollTop += element.getBoundingClientRect().top - anchor.top;
    }
  }

  private lines(): HTMLElement[] {
    const messages = this.root ? [this.root, ...this.strip.messages] : this.strip.messages;
    const wanted: HTMLElement[] = [];
    const kept = new Set<string>();
    const keep = (key: string, mark: string, make: () => HTMLElement) => {
      const known = this.drawn.get(key);
      const element = known?.signature === mark ? known.element : make();
      this.carry(known?.element, element);
      this.drawn.set(key, { signature: mark, element });
      kept.add(key);
      wanted.push(element);
    };
    let before: MessageView | null = null;
    messages.forEach((message, place) => {
      const day = dayOf(message.at);
      if (day !== (before && dayOf(before.at))) keep(`day:${message.id}`, day, () => line("day", day));
      if (message.id === this.lineAbove) keep("new", "new", () => line("new", "New messages"));
      const look = { follows: follows(before, message) && message.id !== this.lineAbove && message !== messages[0], inThread: this.options.thread !== null, focused: message.id === this.focused };
      keep(message.id, signature(message, look, this.host), () => draw(message, look, this.host));
      before = message;
      if (this.root && place === 0) {
        const count = `${this.root.replies} ${this.root.replies === 1 ? "reply" : "replies"}`;
        keep("replies", `${count} ${this.strip.more}`, () => line("day", count));
      }
    });
    for (const key of this.drawn.keys()) if (!kept.has(key)) this.drawn.delete(key);
    if (this.strip.more && messages.length) {
      const earlier = node("li", { class: "earlier" }, [button("Show earlier messages", { class: "plain small" }, () => this.older())]);
      wanted.splice(this.root ? 2 : 0, 0, earlier);
    }
    return wanted;
  }

  /** The keyboard stays where it was when an element is drawn anew. */
  private carry(old: HTMLElement | undefined, made: HTMLElement): void {
    if (!old || old === made) return;
    if (old.getAttribute("tabindex") === "0") made.setAttribute("tabindex", "0");
    const focused = (old.getRootNode() as ShadowRoot).activeElement as HTMLElement | null;
    if (!focused || !old.contains(focused)) return;
    const place = focusable(old).indexOf(focused);
    const label = focused.getAttribute("aria-label") ?? focused.textContent;
    requestAnimationFrame(() => {
      if (made.contains((made.getRootNode() as ShadowRoot).activeElement)) return;
      const same = focusable(made).find((each) => (each.getAttribute("aria-label") ?? each.textContent) === label);
      (same ?? (place < 0 ? made : focusable(made)[place] ?? made)).focus({ preventScroll: true });
    });
  }

  private placeLine(messages: MessageView[], unread: number): void {
    const others = messages.filter((message) => !message.sender.mine);
    this.lineAbove = unread > 0 ? (others.at(-unread)?.id ?? others[0]?.id ?? null) : null;
  }

  private hear(fresh: MessageView[]): void {
    for (const message of fresh) {
      if (message.sender.mine) this.lineAbove = null;
      else this.host.announce(`${message.sender.name}: ${(message.text || message.proposal?.title || message.status?.word || message.files[0]?.name || "").slice(0, 200)}`);
    }
  }

  private anchor(): { id: string; top: number } | null {
    if (this.atBottom) return null;
    const frame = this.scroller.getBoundingClientRect().top;
    for (const element of this.list.querySelectorAll<HTMLElement>(".message")) {
      const { top, bottom } = element.getBoundingClientRect();
      if (bottom > frame) return { id: element.dataset.id ?? "", top };
    }
    return null;
  }

  private scrolled(): void {
    // Where the size is another one, the layout has moved and not the reader: whoever follows the newest goes on to.
    const size = this.size();
    if (size === this.lastSize) this.measure();
    else if (this.atBottom) this.toBottom();
    this.lastSize = size;
    if (this.scroller.scrollTop < NEAR * 4 && this.strip.more) this.older();
    if (this.strip.detached && !this.endOfPast && this.fromBottom() < NEAR * 4) this.newer();
    this.showJump();
    this.checkSeen();
  }

  private measure(): void {
    this.atBottom = this.fromBottom() < NEAR;
    if (this.atBottom && !this.strip.detached) this.below = 0;
  }

  private size(): string {
    const { scrollHeight, clientHeight, clientWidth } = this.scroller;
    return `${scrollHeight} ${clientHeight} ${clientWidth}`;
  }

  private fromBottom(): number {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight;
  }

  private toBottom(): void {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.lastSize = this.size();
    this.atBottom = true;
    this.below = 0;
    this.showJump();
    this.checkSeen();
  }

  private showJump(): void {
    const away = this.strip.detached || this.fromBottom() > this.scroller.clientHeight / 2 || this.below > 0;
    this.jump.hidden = !away;
    const words = this.below ? `${this.below} new ${this.below === 1 ? "message" : "messages"}` : "Jump to newest";
    if (this.jump.lastChild && this.jump.lastChild.textContent !== words) this.jump.lastChild.textContent = words;
  }

  checkSeen(): void {
    const newest = this.strip.newest;
    if (newest && this.started && this.atBottom && !this.strip.detached && document.visibilityState === "visible") this.options.seen(newest);
  }

  private older(): void {
    const first = this.strip.messages[0];
    if (this.asking || !first) return;
    this.asking = true;
    this.options.ask("older", first.id, (part) => {
      this.asking = false;
      if (!part) return;
      this.atBottom = false;
      this.strip.takeOlder(part);
      this.draw();
      this.measure();
    });
  }

  private newer(): void {
    const last = this.strip.messages.at(-1);
    if (this.asking || !last) return;
    this.asking = true;
    this.options.ask("around", last.id, (part) => {
      this.asking = false;
      if (!part) return;
      this.endOfPast = !this.strip.takeNewer(part);
      this.draw();
      this.showJump();
    });
  }

  /** Up and Down go from message to message; only one of them is a stop of the Tab key. */
  private key(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (!target.classList.contains("message")) {
      if (event.key === "Escape") target.closest<HTMLElement>(".message")?.focus();
      return;
    }
    const all = [...this.list.querySelectorAll<HTMLElement>(".message")];
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const next = event.key === "Home" ? all[0] : event.key === "End" ? all.at(-1) : step ? all[all.indexOf(target) + step] : null;
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  private rove(target: HTMLElement): void {
    const message = target.closest<HTMLElement>(".message");
    if (!message || message.getAttribute("tabindex") === "0") return;
    for (const other of this.list.querySelectorAll('.message[tabindex="0"]')) other.setAttribute("tabindex", "-1");
    message.setAttribute("tabindex", "0");
  }
}

function focusable(element: HTMLElement): HTMLElement[] {
  return [...element.querySelectorAll<HTMLElement>("button, a[href], textarea, summary, input")];
}

function follows(before: MessageView | null, message: MessageView): boolean {
  if (!before || before.sender.id !== message.sender.id || before.sender.kind !== message.sender.kind) return false;
  return Date.parse(message.at) - Date.parse(before.at) < TOGETHER_MS && dayOf(before.at) === dayOf(message.at);
}

function line(kind: string, words: string): HTMLElement {
  return node("li", { class: `line ${kind}`, role: "separator", "aria-label": words }, [node("span", { text: words })]);
}

function dayOf(iso: string): string {
  const at = new Date(iso);
  const today = new Date();
  const yesterday = new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1);
  if (at.toDateString() === today.toDateString()) return "Today";
  if (at.toDateString() === yesterday.toDateString()) return "Yesterday";
  const year = at.getFullYear() === today.getFullYear() ? {} : ({ year: "numeric" } as const);
  return at.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long", ...year });
}
