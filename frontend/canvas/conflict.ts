// Two versions of a content side by side, when somebody else was faster.
import { button, icon, node } from "../shared/dom";
import type { Content } from "./types";

const SHOWN = 20_000;

export function difference(theirs: Content | null, mine: Content, keep: () => void, drop: () => void): HTMLElement {
  const side = (label: string, content: Content | null) => node("div", { class: "side" }, [
    node("h5", { text: label }), node("pre", { tabindex: "0", text: wording(content, theirs, mine) }),
  ]);
  return node("div", { class: "conflict", role: "alert" }, [
    node("p", { class: "problem doubt" }, [icon("call_split"), node("span", { text: "Changed elsewhere. Nothing of yours is lost." })]),
    node("div", { class: "sides" }, [side("Theirs, as it stands now", theirs), side("Mine, not saved", mine)]),
    node("div", { class: "acts" }, [button("Keep mine", { class: "primary" }, keep), button("Take theirs", {}, drop)]),
  ]);
}

/** A content as text: only the fields in which the two differ, texts as they were written. */
function wording(content: Content | null, theirs: Content | null, mine: Content): string {
  if (!content) return "(too large to show)";
  const keys = Object.keys(content).filter((key) => JSON.stringify(theirs?.[key]) !== JSON.stringify(mine[key]));
  const texts = (keys.length ? keys : Object.keys(content)).map((key) => {
    const value = content[key];
    return typeof value === "string" ? value : JSON.stringify(value, null, 1);
  });
  const text = texts.join("\n");
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
