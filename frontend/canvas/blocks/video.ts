// A film from the workspace's files or from an allowed address.
import { node } from "../../shared/dom";
import { drawing, type Host } from "../types";
import type { MediaView } from "./image";
import { configureAct } from "./media";
import { linkOf, noteOf, quiet } from "./parts";

export const kind = drawing<MediaView>({ type: "video", draw });

function draw(view: MediaView, host: Host): (Node | null)[] {
  if (!view.address) return [noteOf(view) ?? quiet("No film yet."), configureAct(host, "Choose a film")];
  const address = view.address;
  const film = node("video", { src: address, controls: true, preload: "metadata", playsinline: true, "aria-label": view.caption || host.line.title || "Film" });
  film.addEventListener("error", () => {
    film.replaceWith(node("p", { class: "problem", role: "alert" }, [
      document.createTextNode(`The film does not play here${view.host ? `, from ${view.host}` : ""}. `), linkOf(address, "Open it"),
    ]));
  });
  return [node("figure", { class: "media" }, [film, view.caption ? node("figcaption", { text: view.caption }) : null]), noteOf(view)];
}
