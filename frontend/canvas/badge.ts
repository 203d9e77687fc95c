// A state as icon, word and colour, never colour alone.
import { icon, node } from "../shared/dom";

const TONES = ["green", "blue", "orange", "red", "gray"];
const ICONS: Record<string, string> = { green: "check_circle", blue: "schedule", orange: "pending", red: "error", gray: "circle" };

export function badge(look: { word: string; tone: string; icon?: string }, title?: string): HTMLElement {
  const tone = TONES.includes(look.tone) ? look.tone : "gray";
  const word = node("span", { class: "word", text: look.word });
  return node("span", { class: `badge ${tone}`, title: title ?? look.word }, [icon(look.icon ?? ICONS[tone]!), word]);
}
