// Text in Markdown, with a preview beside it while it is written.
import { button, node } from "../../shared/dom";
import { markdown } from "../../shared/markdown";
import { Mentions } from "../mentions";
import { drawing, type Content, type Editor, type Host, type View } from "../types";
import { acts, cutNote, editorKeys, quiet } from "./parts";

interface TextView extends View {
  text: string;
  cut: boolean;
}

export const kind = drawing<TextView>({ type: "text", quiet: true, draw, edit, after });

function draw(view: TextView, host: Host): (Node | null)[] {
  const draft = host.state.draft as Content | undefined;
  const note = draft && !host.readOnly ? node("p", { class: "problem doubt" }, [
    node("span", { text: "There is text that was not saved." }),
    button("Go on writing", { class: "link" }, () => host.edit()),
    button("Discard", { class: "link" }, () => { delete host.state.draft; host.redraw(); }),
  ]) : null;
  const title = typeof view.content?.title_text === "string" ? view.content.title_text : "";
  const heading = title ? node("h2", { class: "heading", text: title }) : null;
  const words = view.text.trim() ? markdown(view.text) : title ? null : quiet(host.readOnly ? "Empty" : "Empty. Press Enter or double-click to write.");
  return [note, heading, words, view.cut ? cutNote(host) : null];
}

function after(view: TextView, content: Content): TextView {
  return { ...view, text: String(content.markdown_text ?? "") };
}

function edit(view: TextView, host: Host): Editor {
  const content = { ...(view.content ?? {}), ...((host.state.draft as Content | undefined) ?? {}) };
  const title = node("input", { class: "field", type: "text", value: String(content.title_text ?? ""), placeholder: "Title (may be empty)", "aria-label": "Title", maxlength: 200 });
  const field = node("textarea", { class: "field source", "aria-label": "Text in Markdown", spellcheck: "true", placeholder: "Markdown. @ names a page, an agent, a brand or a creator. {{ blocks.name.output }} puts in what another block gives." });
  field.value = String(content.markdown_text ?? "");
  const preview = node("div", { class: "preview", "aria-label": "Preview", role: "region" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = (): void => preview.replaceChildren(markdown(field.value));
  const now = (): Content => ({ ...content, title_text: title.value, markdown_text: field.value });
  const changed = (): boolean => title.value !== String(view.content?.title_text ?? "") || field.value !== String(view.content?.markdown_text ?? "");
  const save = (): void => {
    delete host.state.draft;
    if (changed()) host.save(now());
    host.close();
  };
  const leave = (): void => {
    if (changed()) host.state.draft = now();
    else delete host.state.draft;
    host.close();
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    // A pasted text of a megabyte must not be parsed at every key.
    timer = setTimeout(show, field.value.length > 20_000 ? 600 : 80);
  });
  show();
  const mentions = new Mentions(field, host.workspace, show);
  const element = node("div", { class: "editor" }, [
    title, node("div", { class: "both" }, [field, preview]), mentions.element,
    acts([button("Save", { class: "primary" }, save), button("Leave", {}, leave), node("span", { class: "quiet keys", text: "Ctrl+Enter saves, Escape leaves and keeps the text here" })]),
  ]);
  editorKeys(element, save, leave);
  return { element, focus: () => { field.focus(); field.setSelectionRange(field.value.length, field.value.length); } };
}
