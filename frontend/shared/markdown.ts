// Markdown as elements. The parser only finds the parts; every element is made here, from a fixed list, with text as
// text: HTML in the source is shown as it is written, and no address is fetched that the page has not allowed.
import { marked, type Token, type Tokens } from "marked";
import { node } from "./dom";

export interface Allowed {
  /** Whether a picture may be fetched from this address. */
  image?: (url: URL) => boolean;
  /** Whether a link may be followed with one click; others show their address as text. */
  link?: (url: URL) => boolean;
}

const DEPTH = 12;
const LENGTH = 200_000;

/** The text as elements; longer texts are cut, and nesting beyond a depth is shown as text. */
export function markdown(source: string, allowed: Allowed = {}): HTMLElement {
  const cut = source.length > LENGTH ? `${source.slice(0, LENGTH)}…` : source;
  return node("div", { class: "markdown" }, blocks(marked.lexer(cut, { gfm: true }), allowed, 0));
}

function blocks(tokens: Token[], allowed: Allowed, depth: number): Node[] {
  return tokens.map((token) => block(token, allowed, depth)).filter((made): made is Node => made !== null);
}

function block(token: Token, allowed: Allowed, depth: number): Node | null {
  const words = (tokens: Token[] | undefined) => inline(tokens ?? [], allowed, depth + 1);
  if (depth > DEPTH) return document.createTextNode(token.raw);
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading":
      return node(`h${Math.min(6, (token as Tokens.Heading).depth + 1)}` as "h2", {}, words(token.tokens));
    case "paragraph":
      return node("p", {}, words(token.tokens));
    case "text":
      return node("span", {}, token.tokens ? words(token.tokens) : [document.createTextNode(plain(token.text))]);
    case "blockquote":
      return node("blockquote", {}, blocks(token.tokens ?? [], allowed, depth + 1));
    case "code":
      return node("pre", {}, [node("code", { text: token.text })]);
    case "hr":
      return node("hr");
    case "list":
      return list(token as Tokens.List, allowed, depth);
    case "table":
      return table(token as Tokens.Table, allowed, depth);
    default:
      return node("p", { text: token.raw });
  }
}

function list(token: Tokens.List, allowed: Allowed, depth: number): Node {
  const items = token.items.map((item) => {
    const box = item.task ? node("input", { type: "checkbox", disabled: true, checked: item.checked, "aria-label": item.checked ? "done" : "to do" }) : null;
    return node("li", { class: item.task ? "task" : null }, [box, ...blocks(item.tokens.filter((part) => part.type !== "checkbox"), allowed, depth + 1)]);
  });
  return token.ordered ? node("ol", { start: Number(token.start) || 1 }, items) : node("ul", {}, items);
}

function table(token: Tokens.Table, allowed: Allowed, depth: number): Node {
  const row = (cells: Tokens.TableCell[], tag: "th" | "td") =>
    node("tr", {}, cells.map((cell) => node(tag, { class: cell.align ? `to-${cell.align}` : null }, inline(cell.tokens, allowed, depth + 1))));
  const body = node("tbody", {}, token.rows.map((cells) => row(cells, "td")));
  return node("div", { class: "wide" }, [node("table", {}, [node("thead", {}, [row(token.header, "th")]), body])]);
}

function inline(tokens: Token[], allowed: Allowed, depth: number): Node[] {
  return tokens.map((token) => word(token, allowed, depth));
}

function word(token: Token, allowed: Allowed, depth: number): Node {
  const { tokens, text } = token as { tokens?: Token[]; text?: string };
  const within = () => (tokens ? inline(tokens, allowed, depth + 1) : [document.createTextNode(plain(text ?? token.raw))]);
  if (depth > DEPTH) return document.createTextNode(token.raw);
  switch (token.type) {
    case "strong":
      return node("strong", {}, within());
    case "em":
      return node("em", {}, within());
    case "del":
      return node("del", {}, within());
    case "codespan":
      return node("code", { text: plain(token.text) });
    case "br":
      return node("br");
    case "link":
      return link(token as Tokens.Link, within(), allowed);
    case "image":
      return picture(token as Tokens.Image, allowed);
    case "escape":
    case "text":
      return tokens ? node("span", {}, within()) : document.createTextNode(plain(token.text));
    default:
      return document.createTextNode(token.raw);
  }
}

function link(token: Tokens.Link, words: Node[], allowed: Allowed): Node {
  const url = address(token.href);
  const own = url !== null && url.origin === location.origin;
  if (url && (own || allowed.link?.(url))) {
    return node("a", { href: url.href, target: own ? null : "_blank", rel: "noopener noreferrer", title: token.href }, words);
  }
  const shown = words.map((each) => each.textContent).join("");
  const rest = shown === token.href ? "" : ` (${token.href})`;
  return node("span", { class: "address", text: `${shown}${rest}` });
}

function picture(token: Tokens.Image, allowed: Allowed): Node {
  const url = address(token.href);
  if (!url || !allowed.image?.(url)) return node("span", { class: "address", text: `${token.text || "picture"} (${token.href})` });
  return node("img", { src: url.href, alt: token.text, loading: "lazy", referrerpolicy: "no-referrer" });
}

/** The address when it is one that a page may hold, else null. */
export function address(href: string): URL | null {
  try {
    const url = new URL(href, location.href);
    return url.protocol === "http:" || url.protocol === "https:" ? url : null;
  } catch {
    return null;
  }
}

const ENTITIES: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };

/** Text as it was written: some parsers hand it over with these five signs encoded. */
function plain(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (sign) => ENTITIES[sign] ?? sign);
}
