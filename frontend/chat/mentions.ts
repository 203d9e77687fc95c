// Names after an @ in text that has been drawn already: marked, and a way to whom or what they name.
import { node } from "../shared/dom";
import type { MentionView } from "./data";
import type { Host } from "./host";

/** Marks the mentions in an element's text; code and links keep theirs as text. */
export function withMentions(element: HTMLElement, mentions: MentionView[], host: Host): HTMLElement {
  if (!mentions.length) return element;
  const longest = [...mentions].sort((a, b) => b.name.length - a.name.length);
  for (const text of textsOf(element)) {
    const parts = split(text.data, longest, host);
    if (parts.length) text.replaceWith(...parts);
  }
  return element;
}

function textsOf(element: HTMLElement): Text[] {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const found: Text[] = [];
  while (walker.nextNode()) {
    const text = walker.currentNode as Text;
    if (text.data.includes("@") && !text.parentElement?.closest("code, a")) found.push(text);
  }
  return found;
}

function split(text: string, mentions: MentionView[], host: Host): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let from = 0;
  for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
    const found = named(text, at, mentions);
    if (at < from || !found) continue;
    parts.push(text.slice(from, at), mark(found.mention, host));
    from = at + found.length;
  }
  return parts.length ? [...parts, text.slice(from)] : parts;
}

/** The mention that stands at this @, as `@name` or `@"name"`, and how long it is. */
function named(text: string, at: number, mentions: MentionView[]): { mention: MentionView; length: number } | null {
  for (const mention of mentions) {
    for (const written of [`@"${mention.name}"`, `@${mention.name}`]) {
      if (text.slice(at, at + written.length).toLowerCase() !== written.toLowerCase()) continue;
      if (/^\w/.test(text.slice(at + written.length)) && !written.endsWith('"')) continue;
      return { mention, length: written.length };
    }
  }
  return null;
}

function mark(mention: MentionView, host: Host): HTMLElement {
  const mine = mention.kind === "user" && mention.id === host.data.me.id;
  const text = `@${mention.name}`;
  const goal = mention.goal;
  if (!goal) return node("span", { class: mine ? "mention me" : "mention", text });
  return node("button", { type: "button", class: "mention", title: `Open the ${mention.kind}`, text, onclick: () => host.go(goal) });
}
