// Syntax colours taken from the Streamlit theme, so that one set of colours serves the light and the dark ground.
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { Compartment, type Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--st-violet-text-color)", fontWeight: "500" },
  { tag: [tags.string, tags.special(tags.string), tags.attributeValue], color: "var(--st-green-text-color)" },
  { tag: [tags.content], color: "var(--st-text-color)" },
  { tag: [tags.keyword, tags.bool, tags.number, tags.null, tags.atom], color: "var(--st-blue-text-color)" },
  { tag: [tags.comment, tags.meta], color: "var(--st-gray-text-color)", fontStyle: "italic" },
  { tag: [tags.labelName, tags.typeName], color: "var(--st-orange-text-color)" },
  { tag: [tags.punctuation, tags.separator, tags.bracket, tags.squareBracket, tags.brace], color: "var(--st-gray-text-color)" },
  { tag: tags.invalid, color: "var(--st-red-text-color)" },
]);

export const look: Extension = syntaxHighlighting(colours);

export const ground = new Compartment();

export function groundOf(element: Element): Extension {
  return EditorView.darkTheme.of(isDark(getComputedStyle(element).backgroundColor));
}

/** Whether a computed `rgb(...)` colour is dark: less than half of full brightness. */
function isDark(colour: string): boolean {
  const [red = 255, green = 255, blue = 255] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}
