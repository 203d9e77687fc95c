// What can be done with a block besides using it.
import { form, menu, type Choice } from "./popover";
import type { Frame } from "./frame";
import type { Desk } from "./types";

export function openMenu(frame: Frame, desk: Desk, at: HTMLElement): void {
  const choices: Choice[] = [
    ...(frame.line.computes ? [{ key: "run", title: "Compute again", icon: "refresh" }, { key: "open", title: "Full output", icon: "open_in_full" }] : []),
    ...(desk.readOnly ? [] : [
      ...(frame.editable ? [{ key: "edit", title: "Edit", hint: "Enter", icon: "edit" }] : []),
      { key: "configure", title: "Configure", icon: "tune" },
      { key: "rename", title: "Rename", icon: "label" },
      { key: "duplicate", title: "Duplicate", icon: "content_copy" },
      { key: "convert", title: "Convert to…", icon: "swap_horiz" },
      { key: "place", title: "Place by numbers", icon: "grid_view" },
      { key: "fit", title: "Fit to content", icon: "height" },
      { key: "up", title: "Move up", hint: "↑", icon: "arrow_upward" },
      { key: "down", title: "Move down", hint: "↓", icon: "arrow_downward" },
      { key: "delete", title: "Delete", hint: "Del", icon: "delete", grave: true },
    ]),
  ];
  menu(desk.layer, at, "Block menu", choices, ({ key }) => act(frame, desk, at, key));
}

function act(frame: Frame, desk: Desk, at: HTMLElement, key: string): void {
  const { id } = frame.line;
  const acts: Record<string, () => void> = {
    edit: () => frame.edit(),
    rename: () => rename(frame, desk, at),
    convert: () => convert(frame, desk, at),
    place: () => placeByNumbers(frame, desk, at),
    fit: () => desk.fits(id, frame.height()),
    up: () => desk.step(id, "ArrowUp", false),
    down: () => desk.step(id, "ArrowDown", false),
    delete: () => desk.remove(id),
  };
  (acts[key] ?? (() => frame.did(key)))();
}

function rename(frame: Frame, desk: Desk, at: HTMLElement): void {
  const field = { key: "name", label: "Name, as others call it", value: frame.line.name };
  form(desk.layer, at, "Rename", [field], "Rename", ({ name = "" }) => {
    if (name.trim() && name !== frame.line.name) frame.did("rename", { name: name.trim() });
  });
}

function convert(frame: Frame, desk: Desk, at: HTMLElement): void {
  const others = desk.kinds.filter((kind) => kind.type !== frame.line.type)
    .map((kind) => ({ key: kind.type, title: kind.title, hint: kind.hint, icon: kind.icon }));
  menu(desk.layer, at, "Convert to", others, ({ key }) => frame.did("convert", { type: key }), "Convert to…");
}

function placeByNumbers(frame: Frame, desk: Desk, at: HTMLElement): void {
  const place = desk.place(frame.line.id);
  const number = (key: "x" | "y" | "width" | "height", label: string, min: number, max: number) =>
    ({ key, label, value: String(key === "x" || key === "y" ? place[key] + 1 : place[key]), type: "number", min, max });
  const fields = [number("x", "Column", 1, 12), number("y", "Row", 1, 10_000), number("width", "Width", 1, 12), number("height", "Height", 1, 60)];
  form(desk.layer, at, "Place, in cells", fields, "Place", (typed) => {
    const value = (key: string): number => Math.round(Number(typed[key])) || 1;
    desk.move(frame.line.id, { x: value("x") - 1, y: value("y") - 1, width: value("width"), height: value("height") });
  });
}
