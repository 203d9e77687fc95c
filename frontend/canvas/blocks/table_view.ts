// A table that is edited in its cells. Sorting is for the eye: it changes nothing that is kept.
import { button, icon, node } from "../../shared/dom";
import { form, menu, type Choice } from "../popover";
import { drawing, type Content, type Host, type View } from "../types";
import { cellText, cutNote, noteOf, quiet, readsOf, type Cell } from "./parts";

interface TableView extends View {
  columns: string[];
  rows: Cell[][];
  total: number;
  cut: boolean;
  editable: boolean;
}

interface Table {
  columns: string[];
  rows: Cell[][];
}

interface Sort {
  column: number;
  up: boolean;
}

export const kind = drawing<TableView>({ type: "table_view", draw, after });

function draw(view: TableView, host: Host): (Node | null)[] {
  return [noteOf(view), new Sheet(view, host).element, view.cut ? cutNote(host) : null, readsOf(view)];
}

function after(view: TableView, content: Content): TableView {
  const table = content.json_data_to_display as Table;
  return { ...view, columns: table.columns, rows: table.rows, total: table.rows.length };
}

/** The content's own table: what is shown may have other blocks' values in it. */
function stored(view: TableView): Table {
  const table = (view.content?.json_data_to_display ?? {}) as Partial<Table>;
  return { columns: [...(table.columns ?? view.columns)], rows: (table.rows ?? view.rows).map((row) => [...row]) };
}

/** Typed text as a number when it is one. */
function parsed(text: string): Cell {
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) && text.length < 16 ? Number(text) : text;
}

class Sheet {
  readonly element = node("div", { class: "sheet" });
  private readonly can: boolean;

  constructor(private readonly view: TableView, private readonly host: Host) {
    this.can = view.editable && !host.readOnly && Boolean(view.content);
    const numeric = view.columns.map((_, at) => this.isNumeric(at));
    const head = node("tr", {}, [...view.columns.map((name, at) => this.heading(name, at, numeric[at]!)), this.can ? this.adder("Add a column", () => this.addColumn()) : null]);
    const body = this.order().map((at) => this.row(at, numeric));
    const table = node("table", { "aria-label": host.line.title || host.line.name }, [node("thead", {}, [head]), node("tbody", {}, body)]);
    const more = view.total > view.rows.length ? quiet(`${cellText(view.rows.length)} of ${cellText(view.total)} rows`) : null;
    this.element.append(node("div", { class: "wide", "data-scroll": "" }, [table]));
    if (this.can) this.element.append(button("Row", { icon: "add", class: "plain add-row" }, () => this.addRow()));
    if (more) this.element.append(more);
  }

  private isNumeric(column: number): boolean {
    const values = this.view.rows.map((row) => row[column] ?? "").filter((value) => value !== "");
    return values.length > 0 && values.every((value) => typeof value === "number");
  }

  private get sort(): Sort | null {
    return (this.host.state.sort as Sort | undefined) ?? null;
  }

  /** The rows' numbers as they are shown. */
  private order(): number[] {
    const numbers = this.view.rows.map((_, at) => at);
    const { sort } = this;
    if (!sort) return numbers;
    const value = (at: number): Cell => this.view.rows[at]?.[sort.column] ?? null;
    return numbers.sort((one, other) => compare(value(one), value(other)) * (sort.up ? 1 : -1) || one - other);
  }

  private heading(name: string, at: number, numeric: boolean): HTMLElement {
    const { sort } = this;
    const sorted = sort?.column === at ? sort : null;
    const title = button(name || "(no name)", { class: "plain sorter" }, () => this.turn(at));
    title.dataset.key = `column-${at}`;
    title.title = "Sort what is shown";
    if (sorted) title.append(icon(sorted.up ? "arrow_upward" : "arrow_downward"));
    const more = this.can ? button(`Column ${name}`, { icon: "arrow_drop_down", hidden: true, class: "plain more" }, () => this.columnMenu(more!, at)) : null;
    return node("th", { scope: "col", class: numeric ? "number" : null, "aria-sort": sorted ? (sorted.up ? "ascending" : "descending") : null }, [node("span", { class: "heading" }, [title, more])]);
  }

  private adder(label: string, act: () => void): HTMLElement {
    return node("th", { class: "adder" }, [button(label, { icon: "add", hidden: true, class: "plain" }, act)]);
  }

  private row(at: number, numeric: boolean[]): HTMLElement {
    const cells = this.view.columns.map((name, column) => {
      const text = cellText(this.view.rows[at]?.[column] ?? null);
      const cell = node("td", { class: numeric[column] ? "number" : null, text: text === "–" ? "" : text, "data-key": `cell-${at}-${column}` });
      if (this.can) this.makeEditable(cell, at, column, name);
      return cell;
    });
    const more = this.can ? node("td", { class: "adder" }, [button(`Row ${at + 1}`, { icon: "more_horiz", hidden: true, class: "plain" }, (event) => this.rowMenu(event.currentTarget as HTMLElement, at))]) : null;
    return node("tr", {}, [...cells, more]);
  }

  private makeEditable(cell: HTMLElement, row: number, column: number, name: string): void {
    cell.tabIndex = row === 0 && column === 0 ? 0 : -1;
    cell.setAttribute("aria-label", `${name || "column"}, row ${row + 1}: ${cell.textContent || "empty"}`);
    cell.addEventListener("dblclick", () => this.edit(cell, row, column));
    cell.addEventListener("keydown", (event) => this.key(event, cell, row, column));
  }

  private key(event: KeyboardEvent, cell: HTMLElement, row: number, column: number): void {
    if (event.target !== cell || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) this.walk(cell, event.key);
    else if (event.key === "Enter" || event.key === "F2") this.edit(cell, row, column);
    else if (event.key === "Delete" || event.key === "Backspace") this.set(row, column, "");
    else if (event.key.length === 1) this.edit(cell, row, column, event.key);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private walk(cell: HTMLElement, key: string): void {
    const line = cell.parentElement!;
    const at = [...line.children].indexOf(cell);
    const next = { ArrowLeft: cell.previousElementSibling, ArrowRight: cell.nextElementSibling,
      ArrowUp: line.previousElementSibling?.children[at], ArrowDown: line.nextElementSibling?.children[at] }[key];
    if (next instanceof HTMLElement && next.dataset.key) next.focus();
  }

  private edit(cell: HTMLElement, row: number, column: number, start?: string): void {
    const raw = stored(this.view).rows[row]?.[column] ?? "";
    const field = node("input", { class: "cell-field", type: "text", "aria-label": cell.getAttribute("aria-label"), "data-key": cell.dataset.key ?? "" });
    field.value = start ?? String(raw);
    let done = false;
    const leave = (keep: boolean, move = ""): void => {
      if (done) return;
      done = true;
      const kept = keep && field.value !== String(raw);
      cell.textContent = kept ? field.value : cellText(this.view.rows[row]?.[column] ?? null).replace(/^–$/, "");
      const box = cell.closest(".body");
      if (move) cell.focus();
      if (kept) this.set(row, column, parsed(field.value));
      const again = box?.querySelector<HTMLElement>(`td[data-key="cell-${row}-${column}"]`);
      if (move === "Tab") this.walk(again ?? cell, "ArrowRight");
      else if (move === "Enter") this.walk(again ?? cell, "ArrowDown");
    };
    field.addEventListener("blur", () => leave(true));
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (!["Enter", "Tab", "Escape"].includes(event.key)) return;
      event.preventDefault();
      leave(event.key !== "Escape", event.key);
    });
    cell.replaceChildren(field);
    field.focus();
    if (start === undefined) field.select();
  }

  private set(row: number, column: number, value: Cell): void {
    this.change((table) => {
      const line = (table.rows[row] ??= []);
      while (line.length < table.columns.length) line.push("");
      line[column] = value;
    });
  }

  private change(edit: (table: Table) => void): void {
    const table = stored(this.view);
    edit(table);
    this.host.save({ ...this.view.content, json_data_to_display: table });
  }

  private turn(column: number): void {
    const { sort } = this;
    if (sort?.column !== column) this.host.state.sort = { column, up: true };
    else if (sort.up) this.host.state.sort = { column, up: false };
    else delete this.host.state.sort;
    this.host.redraw();
  }

  private addRow(): void {
    this.change((table) => table.rows.push(table.columns.map(() => "")));
  }

  private addColumn(): void {
    this.change((table) => {
      table.columns.push(`Column ${table.columns.length + 1}`);
      table.rows.forEach((row) => row.push(""));
    });
  }

  private columnMenu(at: HTMLElement, column: number): void {
    const name = this.view.columns[column] ?? "";
    const choices: Choice[] = [{ key: "rename", title: "Rename", icon: "edit" }, { key: "remove", title: "Remove the column", icon: "delete", grave: true }];
    menu(this.host.layer, at, `Column ${name}`, choices, ({ key }) => {
      if (key === "rename") form(this.host.layer, at, "Rename the column", [{ key: "name", label: "Name", value: name }], "Rename", (typed) => this.change((table) => { table.columns[column] = typed.name ?? name; }));
      else this.change((table) => { table.columns.splice(column, 1); table.rows.forEach((row) => row.splice(column, 1)); });
    });
  }

  private rowMenu(at: HTMLElement, row: number): void {
    const choices: Choice[] = [
      { key: "above", title: "Insert a row above", icon: "add" }, { key: "copy", title: "Duplicate", icon: "content_copy" },
      { key: "remove", title: "Remove the row", icon: "delete", grave: true },
    ];
    menu(this.host.layer, at, `Row ${row + 1}`, choices, ({ key }) => this.change((table) => {
      if (key === "remove") table.rows.splice(row, 1);
      else table.rows.splice(row, 0, key === "copy" ? [...(table.rows[row] ?? [])] : table.columns.map(() => ""));
    }));
  }
}

/** Numbers by size, texts by alphabet, what is empty last. */
function compare(one: Cell, other: Cell): number {
  const empty = (value: Cell): boolean => value === null || value === "";
  if (empty(one) || empty(other)) return Number(empty(one)) - Number(empty(other));
  return typeof one === "number" && typeof other === "number" ? one - other : String(one).localeCompare(String(other), undefined, { numeric: true });
}
