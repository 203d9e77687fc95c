// What the views share: badges, and links that open in place with a plain click and elsewhere with any other.
import { icon, node } from "../shared/dom";
import { base } from "../shared/live";

export interface Badge {
  tone: string;
  icon: string;
  text: string;
}

const TONES = new Set(["gray", "blue", "orange", "green", "red", "violet"]);

export function badge({ tone, icon: name, text }: Badge): HTMLElement {
  return node("span", { class: `badge ${toneOf(tone)}` }, [name ? icon(name) : null, document.createTextNode(text)]);
}

export function toneOf(tone: string): string {
  return TONES.has(tone) ? tone : "gray";
}

/** The address of a page of this program, which is a word beside the one that is open. */
export function address(page: string, parameters: Record<string, string>): string {
  const at = new URL(page.replace(/[^a-z_]/g, ""), base());
  for (const [name, value] of Object.entries(parameters)) at.searchParams.set(name, value);
  return at.href;
}

/** Whether a click asks for another tab or window, which the browser does by itself. */
export function goesElsewhere(event: MouseEvent): boolean {
  return event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
}

/** A subject that may break between its words, so that a long one stays readable in a narrow place. */
export function subject(type: string): Node[] {
  return type.split(/(?<=[._])/).flatMap((part, at) => (at ? [document.createElement("wbr"), document.createTextNode(part)] : [document.createTextNode(part)]));
}
