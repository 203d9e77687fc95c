// What pictures, films and frames share.
import { button } from "../../shared/dom";
import type { Host } from "../types";
import { acts } from "./parts";

export function configureAct(host: Host, label: string): HTMLElement | null {
  return host.readOnly ? null : acts([button(label, { class: "choose" }, () => host.did("configure"))]);
}
