// A button that starts an agent or a flow.
import { button, node } from "../../shared/dom";
import { drawing, type Host, type View } from "../types";
import { acts, goTo, noteOf, pick, quiet, runBadge, type Offer, type RunLine } from "./parts";

interface ButtonView extends View {
  label: string;
  agent: { id: string; name: string } | null;
  run?: RunLine | null;
  offers?: Offer[];
}

export const kind = drawing<ButtonView>({ type: "button", draw });

function draw(view: ButtonView, host: Host): (Node | null)[] {
  if (!view.agent) {
    return [noteOf(view) ?? quiet("Nothing to start is chosen yet."), host.readOnly ? null : acts([pick(host, view, "Choose what to start", "agent_configuration_id", view.offers ?? [])])];
  }
  const ready = (view.state ?? "ready") === "ready";
  const start = button(view.label || `Run ${view.agent.name}`, { icon: "play_arrow", class: "primary large", disabled: host.busy || !ready || host.readOnly }, () => host.did("run"));
  start.dataset.key = "run";
  const { run } = view;
  return [
    node("div", { class: "starter" }, [start, host.line.busy && !host.readOnly ? button("Stop", { icon: "stop" }, () => host.did("stop")) : null]),
    noteOf(view),
    run ? node("p", { class: "quiet last" }, [
      host.line.status ? null : runBadge(run), node("span", { text: run.preview ?? "" }), goTo(host, "Open run", { page: "runs", parameters: { run: run.id } }),
    ]) : null,
  ];
}
