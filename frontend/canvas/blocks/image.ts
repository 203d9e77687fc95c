// A picture from the workspace's files or from an allowed address.
import { node } from "../../shared/dom";
import { drawing, type Host, type View } from "../types";
import { linkOf, noteOf, quiet } from "./parts";
import { configureAct } from "./media";

export interface MediaView extends View {
  address: string | null;
  alt?: string;
  caption?: string;
  host?: string | null;
}

export const kind = drawing<MediaView>({ type: "image", draw });

function draw(view: MediaView, host: Host): (Node | null)[] {
  if (!view.address) return [noteOf(view) ?? quiet("No picture yet."), configureAct(host, "Choose a picture")];
  const address = view.address;
  const picture = node("img", { src: address, alt: view.alt ?? "", loading: "lazy", referrerpolicy: "no-referrer", decoding: "async" });
  const figure = node("figure", { class: "media" }, [picture, view.caption ? node("figcaption", { text: view.caption }) : null]);
  picture.addEventListener("error", () => {
    picture.replaceWith(node("p", { class: "problem", role: "alert" }, [
      document.createTextNode(`The picture does not load${view.host ? ` from ${view.host}` : ""}. `), linkOf(address, "Open it"),
    ]));
  });
  return [figure, noteOf(view)];
}
