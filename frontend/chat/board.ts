// The whole chat on the screen: channels, one of them open, a thread beside it, a search over it.
import { button, fill, icon, node } from "../shared/dom";
import { follow } from "../shared/live";
import { lasting } from "../shared/moments";
import { channelList, iconOf } from "./channels";
import { Composer } from "./composer";
import type { Action, Data, Goal, MessageView, OpenChannel, Outcome, Part } from "./data";
import { Finder } from "./finder";
import type { Host } from "./host";
import { Outbox } from "./outbox";
import { Stream } from "./stream";
import styles from "./style.css";

const LEAST_HEIGHT = 420;
const BELOW = 16;
const PATIENCE_MS = 5_000;

export interface Report {
  did(actions: Action[]): void;
  changed(): void;
}

export class Board implements Host {
  data!: Data;
  readonly open = new Set<string>();
  readonly edits = new Map<string, string>();
  report: Report;
  private readonly style = node("style");
  private readonly frame = node("div", { class: "chat" });
  private readonly spoken = node("div", { class: "spoken", "aria-live": "polite", role: "status" });
  private readonly side = node("div", { class: "side-pane" });
  private readonly head = node("header", { class: "channel-head" });
  private readonly trouble = node("div", { class: "trouble", role: "alert", hidden: true });
  private readonly main = node("section", { class: "main-pane" });
  private readonly beside = node("aside", { class: "thread-pane", "aria-label": "Thread", hidden: true });
  private readonly outbox = new Outbox((actions) => this.report.did(actions));
  private readonly composer: Composer;
  private readonly replier: Composer;
  private readonly finder: Finder;
  private stream: Stream | null = null;
  private thread: Stream | null = null;
  private shownChannel = "";
  private shownThread = "";
  private seen = "";
  private sideDrawn = "";
  private headDrawn = "";
  private unfollow = () => {};
  private followed = "";
  private told = 0;
  private missed = false;
  private readonly clock: ReturnType<typeof setInterval>;
  private readonly fit = () => this.measure();
  private readonly look = () => this.stream?.checkSeen();

  constructor(private readonly root: ShadowRoot, report: Report) {
    this.report = report;
    this.style.textContent = styles;
    this.composer = new Composer(this, "Write a message");
    this.replier = new Composer(this, "Reply");
    this.finder = new Finder(this);
    this.frame.append(this.side, this.main, this.beside, this.spoken);
    // Single letters are shortcuts of the page around; here they are text.
    for (const kind of ["keydown", "keypress", "keyup"]) this.frame.addEventListener(kind, (event) => event.stopPropagation());
    this.takeDrops(this.main, this.composer);
    this.takeDrops(this.beside, this.replier);
    this.main.addEventListener("click", (event) => {
      if (!(event.target as HTMLElement).closest(".menu")) this.frame.classList.remove("choosing");
    });
    this.frame.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.frame.classList.remove("choosing");
    });
    root.append(this.style, this.frame);
    this.clock = setInterval(() => this.tick(), 1_000);
    window.addEventListener("resize", this.fit);
    document.addEventListener("visibilitychange", this.look);
  }

  /** Takes what Python says now. */
  update(data: Data): void {
    this.data = data;
    this.listen();
    this.told = 0;
    this.drawSide();
    this.drawMain();
    this.drawThread();
    this.outbox.settle(data.outcomes);
    if (data.notice) this.complain(data.notice);
    requestAnimationFrame(this.fit);
    if (this.missed) this.changed();
  }

  destroy(): void {
    clearInterval(this.clock);
    window.removeEventListener("resize", this.fit);
    document.removeEventListener("visibilitychange", this.look);
    this.unfollow();
    this.outbox.stop();
    this.stream?.destroy();
    this.thread?.destroy();
    this.frame.remove();
    this.style.remove();
  }

  act(action: string, fields: Record<string, unknown>, answered?: (outcome: Outcome) => void): string {
    return this.outbox.tell(action, fields, (outcome) => {
      if (outcome.message) this.touch(outcome.message);
      if (answered) answered(outcome);
      else if (outcome.error) this.complain(outcome.error);
    });
  }

  go(goal: Goal): void {
    this.act("go", { page: goal.page, parameters: goal.parameters });
  }

  openChannel(id: string, message: string | null = null): void {
    this.frame.classList.remove("choosing");
    this.act("open", { channel: id, message }, (outcome) => {
      if (outcome.error) this.complain(outcome.error);
      else if (message && !this.thread?.reveal(message) && !outcome.message?.thread) this.stream?.around(message);
    });
  }

  openThread(id: string): void {
    this.act("thread", { message: id });
  }

  announce(words: string): void {
    this.spoken.textContent = "";
    requestAnimationFrame(() => (this.spoken.textContent = words));
  }

  complain(error: { message: string; hint: string }): void {
    const close = button("Close", { icon: "close", hidden: true, class: "plain small" }, () => (this.trouble.hidden = true));
    fill(this.trouble, [icon("error"), node("span", { text: `${error.message} ${error.hint}`.trim() }), close]);
    this.trouble.hidden = false;
  }

  redraw(): void {
    this.stream?.draw();
    this.thread?.draw();
  }

  focus(selector: string): void {
    this.root.querySelector<HTMLElement>(selector)?.focus();
  }

  private touch(message: MessageView): void {
    for (const stream of [this.stream, this.thread]) stream?.strip.touch(message);
    this.redraw();
  }

  /** Follow what may change the page; a push makes Python look, one look at a time. */
  private listen(): void {
    const id = this.data.channel?.id ?? "";
    const key = `${this.data.workspace} ${id}`;
    if (key === this.followed) return;
    this.unfollow();
    this.followed = key;
    this.unfollow = follow(this.data.workspace, ["chat", ...(id ? [`chat:${id}`] : [])], () => this.changed());
  }

  private changed(): void {
    const busy = this.told && Date.now() - this.told < PATIENCE_MS;
    this.missed = Boolean(busy);
    if (busy) return;
    this.told = Date.now();
    this.report.changed();
  }

  private tick(): void {
    for (const each of this.root.querySelectorAll<HTMLElement>(".elapsed[data-since]")) {
      each.textContent = lasting((Date.now() - Number(each.dataset.since)) / 1000);
    }
    if (this.missed && !(this.told && Date.now() - this.told < PATIENCE_MS)) this.changed();
  }

  private drawSide(): void {
    const { channels, archived_shown: archived, channel } = this.data;
    const mark = JSON.stringify([channels, archived, channel?.id]);
    if (mark === this.sideDrawn) return;
    this.sideDrawn = mark;
    const focused = (this.root.activeElement as HTMLElement | null)?.dataset.channel;
    const list = channelList(this.data, this);
    if (!this.side.contains(this.finder.element)) this.side.append(this.finder.element);
    this.side.querySelector(".channels")?.remove();
    this.side.append(list);
    if (focused) this.focus(`[data-channel="${focused}"]`);
  }

  private drawMain(): void {
    const { channel } = this.data;
    if (!channel) {
      this.shownChannel = "";
      fill(this.main, [this.trouble, node("p", { class: "empty", text: "Choose a channel, or make one: people and agents talk there." })]);
      return;
    }
    this.drawHead(channel);
    if (channel.id !== this.shownChannel) {
      this.stream?.destroy();
      this.shownChannel = channel.id;
      this.seen = "";
      this.stream = new Stream(this, {
        thread: null, label: `Messages in ${channel.name}`,
        ask: (what, anchor, taken) => this.askFor(what, anchor, null, taken), seen: (message) => this.read(message),
      });
    }
    this.composer.at(channel.id, null, channel.partner ? `Ask ${channel.partner.name}` : `Write to ${channel.name}`);
    const stream = this.stream as Stream;
    const empty = !this.data.newest.messages.length;
    const below = this.data.search ? null : channel.archived ? node("p", { class: "quiet note", text: "This channel is archived: it can be read and searched." }) : this.composer.element;
    const middle = this.data.search ? this.finder.results(this.data.search) : stream.element;
    place(this.main, [this.head, this.trouble, middle, empty && !this.data.search ? welcome(channel) : null, below]);
    for (const message of this.data.touched) stream.strip.touch(message);
    stream.update(this.data.newest, this.data.past, this.data.focus, channel.unread);
  }

  private drawHead(channel: OpenChannel): void {
    const mark = JSON.stringify({ ...channel, unread: 0, mentioned: false });
    if (mark === this.headDrawn) return;
    this.headDrawn = mark;
    const focused = (this.root.activeElement as HTMLElement | null)?.closest(".channel-head") ? this.root.activeElement?.getAttribute("aria-label") : null;
    const { partner } = channel;
    const menu = button("Channels", { icon: "menu", hidden: true, class: "plain menu" }, () => {
      this.frame.classList.toggle("choosing");
      this.focus(".channel.here");
    });
    fill(this.head, [
      menu,
      node("h2", {}, [icon(iconOf(channel)), document.createTextNode(channel.name), channel.archived ? node("span", { class: "bot", text: "archived" }) : null]),
      node("div", { class: "buttons" }, [
        partner && !channel.archived ? button("New conversation", { icon: "restart_alt", hidden: true, class: "plain small" }, () => this.act("new_conversation", { channel: channel.id })) : null,
        button("Edit the channel", { icon: "edit", hidden: true, class: "plain small" }, () => this.act("edit_channel", { channel: channel.id })),
        button(channel.archived ? "Bring back" : "Archive", { icon: channel.archived ? "unarchive" : "archive", hidden: true, class: "plain small" }, () =>
          this.act(channel.archived ? "restore_channel" : "archive_channel", { channel: channel.id })),
      ]),
      node("div", { class: "details" }, [
        channel.description ? node("p", { class: "quiet", text: channel.description }) : null,
        channel.members.length ? node("p", { class: "quiet", text: `Members: ${channel.members.join(", ")}` }) : null,
        partner ? this.partner(channel) : null,
      ]),
    ]);
    if (focused) this.head.querySelector<HTMLElement>(`[aria-label="${focused}"]`)?.focus();
  }

  private partner(channel: OpenChannel): Node | null {
    const { partner } = channel;
    if (!partner) return null;
    return node("div", { class: "partner" }, [
      node("p", { class: "quiet" }, [
        document.createTextNode("You talk with "),
        node("button", { type: "button", class: "name", text: partner.name, onclick: () => this.go({ page: "agents", parameters: { instance: partner.id } }) }),
        document.createTextNode(partner.epithet ? `, ${partner.epithet}. ` : ". "),
        node("span", { class: "engine", text: partner.engine }),
      ]),
      partner.note ? node("p", { class: "quiet", text: partner.note }) : null,
      partner.calls.length ? node("p", { class: "quiet", text: `It may call: ${partner.calls.join(", ")}.` }) : null,
    ]);
  }

  private drawThread(): void {
    const { thread, channel } = this.data;
    this.beside.hidden = !thread;
    this.frame.classList.toggle("with-thread", Boolean(thread));
    if (!thread || !channel) {
      this.thread?.destroy();
      this.thread = null;
      this.shownThread = "";
      this.beside.replaceChildren();
      return;
    }
    const fresh = thread.root.id !== this.shownThread;
    if (fresh) {
      this.thread?.destroy();
      this.shownThread = thread.root.id;
      const root = thread.root.id;
      this.thread = new Stream(this, {
        thread: root, label: "Thread", ask: (what, anchor, taken) => this.askFor(what, anchor, root, taken), seen: () => {},
      });
      const close = button("Close the thread", { icon: "close", hidden: true, class: "plain small" }, () => this.act("thread", { message: null }));
      const fork = button("Fork to a page", { icon: "note_add", class: "plain small" }, () => this.act("fork", { message: root }));
      fill(this.beside, [node("header", {}, [node("h2", { text: "Thread" }), node("div", { class: "buttons" }, [fork, close])]), this.thread.element, channel.archived ? null : this.replier.element]);
    }
    this.replier.at(channel.id, thread.root.id, "Reply in the thread");
    (this.thread as Stream).update(thread, null, this.data.focus, 0, thread.root);
    if (fresh && !this.data.focus) this.replier.focus();
  }

  private askFor(what: "older" | "around", anchor: string, thread: string | null, taken: (part: Part | null) => void): void {
    this.act(what, { channel: this.data.channel?.id, message: anchor, thread }, (outcome) => {
      if (outcome.error) this.complain(outcome.error);
      taken(outcome.part ?? null);
    });
  }

  private read(message: MessageView): void {
    const { channel } = this.data;
    if (!channel?.unread || this.seen === `${message.id} ${channel.unread}` || this.data.search) return;
    this.seen = `${message.id} ${channel.unread}`;
    this.act("read", { channel: channel.id, message: message.id }, () => {});
  }

  private takeDrops(pane: HTMLElement, composer: Composer): void {
    const files = (event: DragEvent) => event.dataTransfer?.types.includes("Files");
    pane.addEventListener("dragover", (event) => {
      if (!files(event)) return;
      event.preventDefault();
      pane.classList.add("dropping");
    });
    pane.addEventListener("dragleave", (event) => {
      if (!pane.contains(event.relatedTarget as Node | null)) pane.classList.remove("dropping");
    });
    pane.addEventListener("drop", (event) => {
      pane.classList.remove("dropping");
      if (!files(event)) return;
      event.preventDefault();
      composer.takeFiles(event.dataTransfer?.files ?? null);
    });
  }

  /** As high as the window leaves room for, so that the page itself need not scroll. */
  private measure(): void {
    const scrolled = document.querySelector("[data-testid=stMain]")?.scrollTop ?? 0;
    const top = this.frame.getBoundingClientRect().top + scrolled;
    this.frame.style.height = `${Math.max(LEAST_HEIGHT, Math.floor(innerHeight - top - BELOW))}px`;
  }
}

/** These children in this order; those that stay are not taken out, so that they keep their place and the keyboard. */
function place(parent: HTMLElement, wanted: (HTMLElement | null)[]): void {
  const kept = wanted.filter((each): each is HTMLElement => each !== null);
  for (const old of [...parent.children]) if (!kept.includes(old as HTMLElement)) old.remove();
  kept.forEach((each, at) => {
    if (parent.children[at] !== each) parent.insertBefore(each, parent.children[at] ?? null);
  });
}

function welcome(channel: OpenChannel): HTMLElement {
  const words = channel.partner
    ? `Ask ${channel.partner.name} something. Each call it makes is shown as a step of its run.`
    : "Nothing has been said here yet. Write the first message, mention an agent with @, or write /help for the commands.";
  return node("p", { class: "empty", text: words });
}
