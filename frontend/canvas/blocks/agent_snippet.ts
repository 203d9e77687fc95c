// An agent on a page: what it asks for, its run as it goes on, and what it last gave.
import { button, icon, node } from "../../shared/dom";
import { drawing, type Content, type Host, type Target, type View } from "../types";
import { fieldsOf, type Asked } from "./fields";
import { acts, goTo, noteOf, pick, quiet, shown, type Offer, type RunLine, type Shown } from "./parts";

interface AgentView extends View {
  agent: { id: string; name: string; epithet: string } | null;
  inputs?: Asked[];
  keys?: { key: string; type: string; description: string }[];
  key?: string | null;
  output?: Shown | null;
  run?: RunLine | null;
  question?: { id: string; title: string } | null;
  links?: { run: Target | null; configure: Target | null; create: Target };
  offers?: Offer[];
}

export const kind = drawing<AgentView>({ type: "agent_snippet", draw });

function draw(view: AgentView, host: Host): (Node | null)[] {
  if (!view.agent) return unset(view, host);
  const asked = fieldsOf(view.inputs ?? [], host);
  const wrong = node("p", { class: "problem", role: "alert", hidden: true });
  const run = (): void => {
    const read = asked.read();
    wrong.hidden = !read.wrong;
    wrong.textContent = read.wrong;
    if (!read.wrong) host.did("run", { inputs: read.values });
  };
  const form = asked.elements.length ? node("form", { class: "asked" }, asked.elements) : null;
  // The result is what a page is read for: many inputs that nobody must give stay folded.
  const many = (view.inputs ?? []).length > 3 && !(view.inputs ?? []).some((one) => one.required);
  const folded = form && many ? node("details", { class: "fold inputs" }, [node("summary", { text: `Inputs for a run (${(view.inputs ?? []).length}, none required)` }), form]) : form;
  form?.addEventListener("submit", (event) => { event.preventDefault(); run(); });
  return [
    view.agent.epithet ? node("p", { class: "epithet", text: view.agent.epithet }) : null,
    noteOf(view), folded, wrong, controls(view, host, run), view.question ? question(view.question, host) : null,
    view.output ? shown(view.output, host) : quiet(host.busy ? "Running. The result appears here." : "No result yet."),
  ];
}

function controls(view: AgentView, host: Host, run: () => void): HTMLElement {
  const ready = (view.state ?? "ready") === "ready";
  const start = button("Run", { icon: "play_arrow", class: "primary", disabled: host.busy || !ready || host.readOnly }, run);
  start.dataset.key = "run";
  return acts([
    host.readOnly ? null : start,
    host.line.busy && !host.readOnly ? button("Stop", { icon: "stop" }, () => host.did("stop")) : null,
    keyChoice(view, host),
    goTo(host, "Open run", view.links?.run),
    view.output ? button("Full output", { class: "link" }, () => host.did("open")) : null,
    host.readOnly ? null : goTo(host, "Configure agent", view.links?.configure),
  ]);
}

/** Which of the agent's outputs is shown. */
function keyChoice(view: AgentView, host: Host): HTMLElement | null {
  const keys = view.keys ?? [];
  const content = view.content;
  if (keys.length < 2 || !content || host.readOnly) return null;
  const chosen = view.key ?? "";
  const select = node("select", { class: "field small", "aria-label": "Output shown", "data-key": "output" }, [
    node("option", { value: "", text: "main output", selected: !chosen }),
    ...keys.map((one) => node("option", { value: one.key, text: one.key, title: one.description, selected: one.key === chosen })),
  ]);
  select.addEventListener("change", () => {
    const next: Content = { ...content, agent_last_run_output_key_ref: select.value || null };
    select.blur();
    host.save(next);
  });
  return select;
}

function question(asked: { id: string; title: string }, host: Host): HTMLElement {
  const press = (action: string) => () => host.did("press", { action });
  return node("div", { class: "question" }, [
    node("p", {}, [icon("front_hand"), node("span", { text: `Waits for a decision: ${asked.title}` })]),
    host.readOnly ? null : acts([button("Approve", { class: "primary" }, press("approve")), button("Deny", {}, press("deny"))]),
  ]);
}

function unset(view: AgentView, host: Host): (Node | null)[] {
  return [
    noteOf(view) ?? quiet("No agent is chosen yet."),
    host.readOnly ? null : acts([
      pick(host, view, "Choose an agent", "agent_configuration_id", view.offers ?? []),
      goTo(host, "New agent", view.links?.create, { icon: "add" }),
    ]),
  ];
}
