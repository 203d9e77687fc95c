// Searching messages: a field above the channels, and what was found in place of the messages.
import { button, icon, node } from "../shared/dom";
import { exact, relative } from "../shared/moments";
import type { Data, MessageView } from "./data";
import type { Host } from "./host";

type Search = NonNullable<Data["search"]>;

export class Finder {
  readonly element: HTMLElement;
  private readonly field: HTMLInputElement;

  constructor(private readonly host: Host) {
    this.field = node("input", { type: "search", class: "field", placeholder: "Search", "aria-label": "Search messages", maxlength: "300" });
    this.element = node("form", { class: "finder", role: "search" }, [icon("search"), this.field]);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(true);
    });
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    // The cross that some browsers draw into the field.
    this.field.addEventListener("search", () => !this.field.value && this.close());
  }

  /** What was found, newest first. */
  results(search: Search): HTMLElement {
    const where = search.everywhere ? "in all channels" : `in ${this.host.data.channel?.name ?? "this channel"}`;
    const count = search.hits.length ? `${search.hits.length}${search.more ? "+" : ""} found` : "Nothing found";
    return node("section", { class: "results", "aria-label": "Search results" }, [
      node("header", {}, [
        node("h2", { role: "status", text: `${count} for “${search.question}” ${where}` }),
        node("div", { class: "buttons" }, [
          this.host.data.channel ? button(search.everywhere ? "Only in this channel" : "In all channels", { class: "plain small" }, () => this.ask(!search.everywhere, search.question)) : null,
          button("Close the search", { icon: "close", hidden: true, class: "plain small" }, () => this.close()),
        ]),
      ]),
      search.error ? node("p", { class: "wrong", text: search.error }) : null,
      node("ul", {}, search.hits.map((hit) => this.hit(hit))),
      search.more ? button("More", { class: "plain small" }, () => this.host.act("find_more", {})) : null,
    ]);
  }

  private hit(message: MessageView): Node {
    const words = message.text || message.proposal?.title || message.status?.preview || message.files[0]?.name || "";
    return node("li", {}, [
      node("button", { type: "button", class: "hit", onclick: () => this.host.openChannel(message.channel, message.id) }, [
        node("span", { class: "line" }, [
          node("strong", { text: message.sender.name }),
          node("span", { class: "quiet", text: `in ${message.channel_name}${message.thread ? ", in a thread" : ""}` }),
          node("time", { class: "quiet", datetime: message.at, title: exact(message.at), text: relative(message.at) }),
        ]),
        node("span", { class: "words", text: words.slice(0, 400) }),
      ]),
    ]);
  }

  private ask(everywhere: boolean, question = this.field.value.trim()): void {
    if (question) this.host.act("find", { question, everywhere });
    else this.close();
  }

  private close(): void {
    this.field.value = "";
    if (this.host.data.search) this.host.act("find", { question: "", everywhere: true });
  }
}
