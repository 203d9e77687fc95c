// Another site in a frame that can reach nothing of ours.
import { node } from "../../shared/dom";
import { drawing, type Host } from "../types";
import type { MediaView } from "./image";
import { configureAct } from "./media";
import { linkOf, noteOf, quiet } from "./parts";

const PATIENCE_MS = 10_000;

export const kind = drawing<MediaView>({ type: "embed_panel", draw });

function draw(view: MediaView, host: Host): (Node | null)[] {
  if (!view.address) {
    return [noteOf(view) ?? quiet("No address yet."), configureAct(host, view.state === "refused" ? "Change the address" : "Choose an address")];
  }
  const frame = node("iframe", {
    src: view.address, title: host.line.title || view.host || "Embedded page", sandbox: "allow-scripts allow-popups allow-forms",
    referrerpolicy: "no-referrer", loading: "lazy", allow: "",
  });
  // A site that refuses frames cannot be told from one that shows an empty page; one that never answers can.
  const late = node("span", { class: "late", role: "status" });
  const timer = setTimeout(() => { late.textContent = "Nothing has loaded yet. "; }, PATIENCE_MS);
  frame.addEventListener("load", () => { clearTimeout(timer); late.textContent = ""; });
  const under = node("p", { class: "quiet embed-note" }, [
    late, document.createTextNode(`${view.host ?? ""} may refuse to be shown here. `), linkOf(view.address, "Open in a new tab"),
  ]);
  return [node("div", { class: "embed" }, [frame]), under, noteOf(view)];
}
