// The list of channels by kind, with what is unread, and the ways to make and find.
import { button, icon, node } from "../shared/dom";
import type { ChannelLine, Data } from "./data";
import type { Host } from "./host";

const KINDS: [ChannelLine["type"], string, string][] = [
  ["public", "Channels", "tag"],
  ["private", "Private", "lock"],
  ["dm", "Direct messages", "person"],
  ["agent_dedicated", "Talk with an agent", "smart_toy"],
];

export function channelList(data: Data, host: Host): HTMLElement {
  const groups = KINDS.map(([type, title, name]) => {
    const lines = data.channels.filter((channel) => channel.type === type);
    if (!lines.length) return null;
    const id = `group-${type}`;
    return node("section", {}, [
      node("h3", { id, text: title }),
      node("ul", { "aria-labelledby": id }, lines.map((line) => entry(line, name, data, host))),
    ]);
  });
  return node("nav", { class: "channels", "aria-label": "Channels" }, [
    ...groups,
    node("div", { class: "make" }, [
      button("New channel", { icon: "add", class: "plain" }, () => host.act("new_channel", {})),
      button(data.archived_shown ? "Hide archived" : "Show archived", { icon: "inventory_2", class: "plain quiet" }, () => host.act("show_archived", { shown: !data.archived_shown })),
    ]),
  ]);
}

export function iconOf(channel: ChannelLine): string {
  return KINDS.find(([type]) => type === channel.type)?.[2] ?? "tag";
}

function entry(line: ChannelLine, name: string, data: Data, host: Host): Node {
  const here = line.id === data.channel?.id;
  const count = line.unread >= 100 ? "99+" : String(line.unread);
  const said = [line.name, line.archived ? "archived" : "", line.unread ? `${count} unread` : "", line.mentioned ? "you are mentioned" : ""];
  return node("li", {}, [
    node("button", {
      type: "button", class: ["channel", here && "here", line.unread && "unread", line.archived && "archived"].filter(Boolean).join(" "),
      "aria-current": here ? "page" : null, "aria-label": said.filter(Boolean).join(", "), "data-channel": line.id, onclick: () => host.openChannel(line.id),
    }, [
      icon(name),
      node("span", { class: "label", text: line.name }),
      line.mentioned ? node("span", { class: "at", text: "@" }) : null,
      line.unread ? node("span", { class: "count", text: count }) : null,
    ]),
  ]);
}
