// One message: who, when, what, its marks, and what can be done with it.
import { button, icon, node } from "../shared/dom";
import { exact, relative } from "../shared/moments";
import { bodyOf } from "./bodies";
import type { MessageView } from "./data";
import { MARKS, type Host } from "./host";

export interface Look {
  /** Without a head, because the one above is of the same sender. */
  follows: boolean;
  /** In the thread's own pane, where replies are at home. */
  inThread: boolean;
  /** Pointed at by the address. */
  focused: boolean;
}

/** What a message looks like now; drawn anew only when this changes. */
export function signature(message: MessageView, look: Look, host: Host): string {
  const open = [...host.open].filter((key) => key.includes(message.id) && !/^(tree|result):/.test(key));
  if (open.includes(`edit:${message.id}`)) return `editing ${look.follows}`;
  const stop = message.status && host.open.has(`stop:${message.status.run}`);
  return JSON.stringify([message, look, open, stop]);
}

export function draw(message: MessageView, look: Look, host: Host): HTMLLIElement {
  const { sender } = message;
  const kind = message.deleted ? "deleted" : sender.kind;
  const classes = ["message", kind, look.follows && "follows", look.focused && "focused", sender.mine && "mine"].filter(Boolean).join(" ");
  const made = node("li", { class: classes, tabindex: "-1", "data-id": message.id, "aria-label": `${sender.name}, ${exact(message.at)}` });
  const editing = host.open.has(`edit:${message.id}`) && !message.deleted;
  made.append(
    node("div", { class: "side", "aria-hidden": "true" }, [look.follows ? node("time", { text: clock(message.at) }) : avatar(message)]),
    node("div", { class: "main" }, [
      look.follows ? null : head(message, host),
      node("div", { class: "body" }, message.deleted ? [node("p", { class: "quiet", text: "This message was deleted." })] : editing ? [editor(message, host)] : bodyOf(message, host)),
      message.edited && !message.deleted ? node("span", { class: "quiet edited", text: "(edited)" }) : null,
      message.deleted ? null : reactions(message, host),
      look.inThread ? null : replies(message, host),
      host.open.has(`remove:${message.id}`) ? removal(message, host) : null,
    ]),
  );
  if (!message.deleted && !editing) made.append(tools(message, look, host));
  return made;
}

function avatar(message: MessageView): Node {
  const { sender } = message;
  if (sender.kind === "agent") return node("span", { class: "avatar bot" }, [icon("smart_toy")]);
  if (sender.kind === "system") return node("span", { class: "avatar system" }, [icon("info")]);
  return node("span", { class: "avatar", text: (sender.name.trim()[0] ?? "?").toUpperCase() });
}

function head(message: MessageView, host: Host): Node {
  const { sender } = message;
  const goal = sender.goal;
  const name = goal
    ? node("button", { type: "button", class: "name", text: sender.name, title: "Open the agent", onclick: () => host.go(goal) })
    : node("span", { class: "name", text: sender.name });
  return node("div", { class: "head" }, [
    name,
    sender.kind === "agent" ? node("span", { class: "bot", text: "agent" }) : null,
    sender.kind === "agent" && sender.definition ? node("span", { class: "quiet definition", text: sender.definition }) : null,
    message.outside ? node("span", { class: "bot doubt", text: "words from outside", title: `The run ${message.outside}.` }) : null,
    node("time", { class: "quiet", datetime: message.at, title: message.exact || exact(message.at), text: clock(message.at) }),
  ]);
}

function reactions(message: MessageView, host: Host): Node | null {
  const picking = host.open.has(`pick:${message.id}`);
  if (!message.reactions.length && !picking) return null;
  const shown = message.reactions.map((each) => node("button", {
    type: "button", class: each.mine ? "mark mine" : "mark", "aria-pressed": String(each.mine), title: each.names,
    "aria-label": `${wordOf(each.emoji)}: ${each.names}`, text: `${each.emoji} ${each.count}`, onclick: () => react(message, each.emoji, host),
  }));
  return node("div", { class: "marks" }, [...shown, picking ? picker(message, host) : null]);
}

function picker(message: MessageView, host: Host): Node {
  const close = () => {
    host.open.delete(`pick:${message.id}`);
    host.redraw();
  };
  const group = node("div", { class: "picker", role: "toolbar", "aria-label": "React with" }, MARKS.map(([mark, word], place) => node("button", {
    type: "button", tabindex: place ? "-1" : "0", "aria-label": word, title: word, text: mark,
    onclick: () => {
      host.open.delete(`pick:${message.id}`);
      react(message, mark, host);
    },
  })));
  group.addEventListener("keydown", (event) => {
    const buttons = [...group.querySelectorAll("button")];
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) buttons[(at + step + buttons.length) % buttons.length]?.focus();
    else if (event.key === "Escape") close();
    else return;
    event.stopPropagation();
    event.preventDefault();
  });
  return group;
}

function react(message: MessageView, mark: string, host: Host): void {
  host.act("react", { message: message.id, emoji: mark }, (outcome) => outcome.error && host.complain(outcome.error));
  host.redraw();
}

function wordOf(mark: string): string {
  return MARKS.find(([sign]) => sign === mark)?.[1] ?? mark;
}

function replies(message: MessageView, host: Host): Node | null {
  if (!message.replies) return null;
  const count = `${message.replies} ${message.replies === 1 ? "reply" : "replies"}`;
  return node("button", { type: "button", class: "replies", onclick: () => host.openThread(message.id) }, [
    icon("forum"), node("strong", { text: count }),
    message.last_reply ? node("span", { class: "quiet", text: `last ${relative(message.last_reply)}` }) : null,
  ]);
}

function removal(message: MessageView, host: Host): Node {
  const close = () => {
    host.open.delete(`remove:${message.id}`);
    host.redraw();
  };
  const remove = () => {
    close();
    host.act("delete", { message: message.id }, (outcome) => outcome.error && host.complain(outcome.error));
  };
  return node("div", { class: "ask", role: "group", "aria-label": "Delete this message?" }, [
    node("span", { text: "Delete this message?" }),
    button("Delete", { class: "danger small" }, remove),
    button("Keep it", { class: "plain small" }, close),
  ]);
}

function editor(message: MessageView, host: Host): Node {
  const field = node("textarea", { class: "field", "aria-label": "Edit the message", rows: "3", maxlength: String(host.data.limits.text * 2) });
  field.value = host.edits.get(message.id) ?? message.text;
  const wrong = node("p", { class: "wrong", role: "alert" });
  const close = () => {
    host.open.delete(`edit:${message.id}`);
    host.edits.delete(message.id);
    host.redraw();
  };
  const save = () => {
    const text = field.value;
    if (text.trim() === message.text.trim()) return close();
    if (text.length > host.data.limits.text) {
      wrong.textContent = `That is ${text.length.toLocaleString("en")} characters; a message holds ${host.data.limits.text.toLocaleString("en")}.`;
      return;
    }
    host.act("edit", { message: message.id, text }, (outcome) => (outcome.error ? (wrong.textContent = `${outcome.error.message} ${outcome.error.hint}`) : close()));
  };
  field.addEventListener("input", () => host.edits.set(message.id, field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return node("div", { class: "editor" }, [field, wrong, node("div", { class: "buttons" }, [
    button("Save", { class: "primary small" }, save), button("Cancel", { class: "plain small" }, close),
  ])]);
}

function tools(message: MessageView, look: Look, host: Host): Node {
  const flip = (what: string, focus = "") => () => {
    const key = `${what}:${message.id}`;
    host.open.has(key) ? host.open.delete(key) : host.open.add(key);
    host.redraw();
    if (focus) host.focus(`[data-id="${message.id}"] ${focus}`);
  };
  const tool = (label: string, name: string, pressed: () => void) => button(label, { icon: name, hidden: true }, pressed);
  return node("div", { class: "tools", role: "toolbar", "aria-label": "What to do with this message" }, [
    tool("React", "add_reaction", flip("pick", ".picker button")),
    look.inThread ? null : tool("Reply in a thread", "reply", () => host.openThread(message.id)),
    message.may_edit ? tool("Edit", "edit", flip("edit", "textarea")) : null,
    tool("Copy the link", "link", () => copy(message, host)),
    message.replies || look.inThread ? tool("Fork to a page", "note_add", () => host.act("fork", { message: message.thread ?? message.id }, (outcome) => outcome.error && host.complain(outcome.error))) : null,
    message.may_delete ? tool("Delete", "delete", flip("remove", ".ask button")) : null,
  ]);
}

async function copy(message: MessageView, host: Host): Promise<void> {
  const address = new URL(location.href);
  address.search = "";
  for (const [name, value] of Object.entries({ channel: message.channel, thread: message.thread, message: message.id })) {
    if (value) address.searchParams.set(name, value);
  }
  try {
    await navigator.clipboard.writeText(address.href);
    host.announce("The link was copied.");
  } catch {
    host.complain({ message: "The browser did not allow copying.", hint: address.href });
  }
}

function clock(iso: string): string {
  return new Date(iso).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}
