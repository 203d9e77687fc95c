// A prompt of the library: its variables as a form, its text with them put in, and what a model answered.
import { button, node } from "../../shared/dom";
import { drawing, type Content, type Host, type View } from "../types";
import { fieldsOf, type Asked } from "./fields";
import { acts, goTo, noteOf, pick, quiet, shown, type Offer, type RunLine, type Shown } from "./parts";

interface PromptView extends View {
  prompt: { id: string; name: string; version: number } | null;
  variables?: { name: string; type: string; description: string; required: boolean; default: unknown; value: unknown }[];
  text?: string;
  problem?: string | null;
  answer?: Shown | null;
  run?: RunLine | null;
  offers?: Offer[];
}

export const kind = drawing<PromptView>({ type: "prompt", draw });

function draw(view: PromptView, host: Host): (Node | null)[] {
  if (!view.prompt) {
    return [noteOf(view) ?? quiet("No prompt is chosen yet."), host.readOnly ? null : acts([pick(host, view, "Choose a prompt", "prompt_id", view.offers ?? [])])];
  }
  const asked = fieldsOf((view.variables ?? []).map(askedFor), host);
  const form = asked.elements.length ? node("form", { class: "asked" }, asked.elements) : null;
  const keep = (): void => {
    const values = Object.fromEntries(Object.entries(asked.read().values).map(([name, value]) => [name, String(value)]));
    if (view.content && JSON.stringify(values) !== JSON.stringify(view.content.values ?? {})) host.save({ ...view.content, values } as Content);
  };
  const run = (): void => { keep(); host.did("run"); };
  form?.addEventListener("submit", (event) => { event.preventDefault(); run(); });
  const ask = button("Run", { icon: "play_arrow", class: "primary", disabled: host.busy }, run);
  ask.dataset.key = "run";
  return [
    noteOf(view), form,
    host.readOnly ? null : acts([
      ask, form ? button("Put in", {}, keep) : null,
      host.line.busy ? button("Stop", { icon: "stop" }, () => host.did("stop")) : null,
      goTo(host, `${view.prompt.name}, version ${view.prompt.version}`, { page: "prompts", parameters: { prompt: view.prompt.id } }),
    ]),
    view.problem ? node("p", { class: "problem doubt", text: view.problem }) : null,
    view.text ? textFold(view.text, host, !view.answer) : null,
    view.answer ? shown(view.answer, host) : host.busy ? quiet("Asking. The answer appears here.") : null,
  ];
}

function askedFor(one: NonNullable<PromptView["variables"]>[number]): Asked {
  return { key: one.name, label: one.name, type: one.type === "json_object" ? "text" : one.type, description: one.description, required: one.required, default: one.default, value: one.value };
}

function textFold(text: string, host: Host, open: boolean): HTMLElement {
  const fold = node("details", { class: "fold" }, [node("summary", { text: "The text that is asked" }), node("pre", { class: "prose", tabindex: "0", text })]);
  fold.open = host.state.fold !== undefined ? Boolean(host.state.fold) : open;
  fold.addEventListener("toggle", () => { host.state.fold = fold.open; });
  return fold;
}
