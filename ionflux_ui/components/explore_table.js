// One page of an answer as a table: a head sorts, the foot turns pages. Every text is set as text, never as markup.
export default function ({ data, parentElement, setTriggerValue }) {
  const head = node("thead", {}, [node("tr", {}, data.columns.map((column, at) => headOf(column, at, data, setTriggerValue)))]);
  const body = node("tbody", {}, data.rows.map((row) => node("tr", {}, row.map((value, at) => cellOf(value, data.columns[at], data)))));
  const table = node("table", { "aria-label": data.label }, [head, body]);
  const board = node("div", { class: "board" }, [node("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": data.label }, [table])]);
  if (data.total > data.rows.length) board.append(footOf(data, setTriggerValue));
  const old = parentElement.querySelector(".board");
  const left = old?.querySelector(".scroll").scrollLeft ?? 0;
  const focused = old && parentElement.querySelector("button:focus")?.dataset.key;
  old ? old.replaceWith(board) : parentElement.append(board);
  board.querySelector(".scroll").scrollLeft = left;
  if (focused) board.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function headOf(column, at, data, trigger) {
  const mine = data.sorted === at;
  const sign = mine ? (data.descending ? "arrow_downward" : "arrow_upward") : "";
  const parts = [node("span", { text: column.name }), node("span", { class: "icon", "aria-hidden": "true", text: sign })];
  const title = `${column.name}, ${column.type}${column.type === "time" ? " in UTC" : ""}. Click to sort.`;
  const button = node("button", { type: "button", title, "data-key": `head-${at}` }, parts);
  button.onclick = () => trigger("sorted", { column: at, descending: mine ? !data.descending : column.type === "number" });
  const sort = mine ? (data.descending ? "descending" : "ascending") : "none";
  return node("th", { scope: "col", class: column.type, "aria-sort": sort }, [button]);
}

function cellOf(value, column, data) {
  if (value === null) return node("td", { class: `${column.type} none`, text: "null" });
  const text = textOf(value, column.type);
  if (column.name.toLowerCase() === "run_id" && typeof value === "string" && /^[0-9a-f-]{36}$/.test(value)) {
    const address = new URLSearchParams({ run: value, workspace: data.workspace });
    return node("td", { class: column.type }, [node("a", { href: `runs?${address}`, target: "_blank", text, title: "Open the run" })]);
  }
  return node("td", { class: column.type, text, title: text.length > 24 ? text.slice(0, 2000) : null });
}

function textOf(value, type) {
  if (typeof value === "number") {
    return Math.abs(value) >= 10000 || !Number.isInteger(value) ? value.toLocaleString("en-US", { maximumSignificantDigits: 12, maximumFractionDigits: 6 }) : String(value);
  }
  if (typeof value === "object") return JSON.stringify(value);
  if (type === "time") return String(value).replace("T", " ").replace(/Z$/, "").replace(/(\.\d{3})\d+$/, "$1");
  return String(value);
}

function footOf(data, trigger) {
  const first = data.page * data.size + 1, last = first + data.rows.length - 1;
  const turn = (to, icon, label, off) => {
    const button = node("button", { type: "button", class: "turn", "aria-label": label, title: label, "data-key": `turn-${icon}` }, [node("span", { class: "icon", text: icon })]);
    button.disabled = off;
    button.onclick = () => trigger("turned", to);
    return button;
  };
  const end = Math.ceil(data.total / data.size) - 1;
  return node("div", { class: "foot" }, [
    node("span", { text: `Rows ${first.toLocaleString("en-US")} to ${last.toLocaleString("en-US")} of ${data.total.toLocaleString("en-US")}` }),
    turn(0, "first_page", "First rows", !data.page), turn(data.page - 1, "chevron_left", "Rows before", !data.page),
    turn(data.page + 1, "chevron_right", "Next rows", data.page >= end), turn(end, "last_page", "Last rows", data.page >= end),
  ]);
}

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== null) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
