// What a message says, by its type.
import { button, icon, node } from "../shared/dom";
import { base } from "../shared/live";
import { markdown } from "../shared/markdown";
import { exact, lasting, relative } from "../shared/moments";
import type { FileView, MessageView, ProposalView, Shown, StatusView } from "./data";
import type { Host } from "./host";
import { withMentions } from "./mentions";
import { fold, tree } from "./tree";

/** Every part of what a message says, from above to below. */
export function bodyOf(message: MessageView, host: Host): Node[] {
  const parts: (Node | null)[] = [
    message.text ? words(message, host) : null,
    message.json ? shown(message.json, `${message.id}.json`, host) : null,
    message.proposal ? proposal(message, message.proposal, host) : null,
    ...message.files.map(file),
    message.status ? status(message, message.status, host) : null,
  ];
  return parts.filter((part): part is Node => part !== null);
}

function words(message: MessageView, host: Host): Node {
  if (message.type === "text") return withMentions(node("div", { class: "markdown plain", text: message.text }), message.mentions, host);
  return withMentions(markdown(message.text, { link: () => true }), message.mentions, host);
}

/** One value by its type. */
export function shown(value: Shown, key: string, host: Host): HTMLElement {
  switch (value.kind) {
    case "markdown":
      return node("div", {}, [markdown(value.text, { link: () => true }), cut(value.cut)]);
    case "number":
      return node("p", { class: "figure", text: value.text });
    case "link":
      return node("p", {}, [node("a", { href: value.url, target: "_blank", rel: "noopener noreferrer", text: value.text })]);
    case "not_computed":
      return node("p", { class: "quiet", text: `Not computed: ${value.text}` });
    case "tree":
      return node("div", { class: "json" }, [tree(value.value, key, host), cut(value.cut)]);
    case "table":
      return rows(value);
    default:
      return node("div", {}, [node("pre", { class: value.kind === "text" ? "plain" : null, text: value.text }), cut(value.cut)]);
  }
}

function rows(value: Extract<Shown, { kind: "table" }>): HTMLElement {
  const head = node("tr", {}, value.columns.map((name) => node("th", { scope: "col", text: name })));
  const body = value.rows.map((row) => node("tr", {}, row.map((cell) => node("td", { class: typeof cell === "number" ? "number" : null, text: said(cell) }))));
  const more = value.total > value.rows.length ? node("p", { class: "quiet", text: `The first ${value.rows.length} of ${value.total.toLocaleString("en")} rows.` }) : null;
  return node("div", {}, [node("div", { class: "wide" }, [node("table", {}, [node("thead", {}, [head]), node("tbody", {}, body)])]), more]);
}

function said(cell: string | number | boolean | null): string {
  return cell === null ? "–" : typeof cell === "number" ? cell.toLocaleString("en") : String(cell);
}

function cut(is: boolean): Node | null {
  return is ? node("p", { class: "quiet", text: "Cut for the chat; the whole of it is on the run's page." }) : null;
}

function proposal(message: MessageView, asked: ProposalView, host: Host): Node {
  const pending = host.open.has(`press:${message.id}`);
  const press = (action: string) => {
    host.open.add(`press:${message.id}`);
    host.redraw();
    host.act("press", { message: message.id, choice: action }, (outcome) => {
      host.open.delete(`press:${message.id}`);
      if (outcome.error) host.complain(outcome.error);
      host.redraw();
    });
  };
  const buttons = asked.actions.map((each) => button(each.label, { class: each.style, disabled: pending }, () => press(each.id)));
  const answered = asked.chosen === null ? null : node("p", { class: "chosen" }, [
    icon("task_alt"),
    node("span", {}, [node("strong", { text: asked.chosen_by || "Somebody" }), document.createTextNode(` pressed “${asked.chosen_label}”${asked.chosen_at ? `, ${relative(asked.chosen_at)}` : ""}.`)]),
  ]);
  return node("section", { class: "card proposal", "aria-label": `Proposal: ${asked.title}`, "aria-busy": pending ? "true" : null }, [
    node("h3", { text: asked.title }),
    asked.description ? markdown(asked.description, { link: () => true }) : null,
    asked.data ? shown(asked.data, `${message.id}.proposal`, host) : null,
    answered ?? node("div", { class: "buttons" }, [...buttons, pending ? node("span", { class: "quiet", role: "status", text: "Sending your answer…" }) : null]),
  ]);
}

function file(stored: FileView): Node {
  const address = new URL(stored.address, base()).href;
  const save = node("a", { class: "save", href: address, download: stored.name }, [icon("download"), document.createTextNode(`${stored.name} (${stored.size})`)]);
  if (!stored.picture) return node("p", { class: "file" }, [save]);
  const frame = node("a", { class: "picture", href: address, target: "_blank", rel: "noopener noreferrer" });
  const image = node("img", { src: address, alt: stored.name, loading: "lazy" });
  image.addEventListener("error", () => frame.replaceWith(node("p", { class: "quiet", text: "The picture does not load." })));
  frame.append(image);
  return node("figure", { class: "file" }, [frame, node("figcaption", {}, [save])]);
}

function status(message: MessageView, state: StatusView, host: Host): Node {
  const open = () => message.run && host.go(message.run);
  const stopping = host.open.has(`stop:${state.run}`);
  const stop = () => {
    host.open.add(`stop:${state.run}`);
    host.redraw();
    host.act("stop", { message: message.id }, (outcome) => {
      host.open.delete(`stop:${state.run}`);
      if (outcome.error) host.complain(outcome.error);
      host.redraw();
    });
  };
  const steps = state.steps_done ? `${state.steps_done} step${state.steps_done === 1 ? "" : "s"} done` : "";
  const doing = state.running ? [state.step, steps].filter(Boolean).join(" · ") : steps;
  return node("section", { class: `card status ${state.tone}`, "aria-label": `Run of ${state.agent}: ${state.word}` }, [
    node("div", { class: "line" }, [
      node("span", { class: `badge ${state.tone}` }, [icon(state.icon), document.createTextNode(state.word)]),
      doing ? node("span", { class: "quiet doing", text: doing }) : null,
      elapsed(state),
      node("span", { class: "buttons" }, [
        state.running || state.waiting ? button(stopping ? "Stopping…" : "Stop", { icon: "stop_circle", class: "plain small", disabled: stopping }, stop) : null,
        message.run ? button("Open the run", { icon: "open_in_new", class: "plain small" }, open) : null,
      ]),
    ]),
    state.running ? node("div", { class: "bar", role: "progressbar", "aria-label": `${state.agent} is working` }) : null,
    state.said && !state.results.length ? node("div", { class: "stream" }, [markdown(state.said, { link: () => true })]) : null,
    state.error ? node("div", { class: "wrong" }, [node("p", { text: state.error.message }), state.error.hint ? node("p", { class: "quiet", text: `What to do: ${state.error.hint}` }) : null]) : null,
    state.preview && !state.error ? node("p", { class: "preview", text: state.preview }) : null,
    ...results(message, state, host),
  ]);
}

/** How long it has been going on; how long it took is said on the run's page. */
function elapsed(state: StatusView): Node | null {
  if (state.ended) return null;
  const since = Date.parse(state.began);
  return node("span", { class: "quiet elapsed", "data-since": String(since), title: exact(state.began), text: lasting((Date.now() - since) / 1000) });
}

function results(message: MessageView, state: StatusView, host: Host): Node[] {
  const first = state.results.findIndex(({ shown: value }) => value.kind !== "tree" && value.kind !== "json");
  return state.results.map(({ key, shown: value }, place) => {
    const inside = node("div", { class: "inside" });
    return fold(`result:${message.id}.${key}`, host, place === first, node("summary", { text: key }), inside, () => inside.append(shown(value, `${message.id}.${key}`, host)));
  });
}
