// Two runs side by side: a table of facts, or parts that fold, with their differences. All text is set as text, never
// as markup.
export default function ({ data, parentElement }) {
  const open = new Map([...parentElement.querySelectorAll("details")].map((fold) => [fold.dataset.key, fold.open]));
  const content = data.facts ? [factsOf(data)] : data.items.map((item) => itemOf(item, open.get(item.key) ?? item.open));
  const all = node("div", { class: "all" }, content);
  const old = parentElement.querySelector(".all");
  old ? old.replaceWith(all) : parentElement.append(all);
}

function factsOf({ heads, facts }) {
  const head = node("tr", {}, [
    node("th", { scope: "col" }),
    ...heads.map((side) => node("th", { scope: "col" }, [
      node("span", { class: "side", text: side.side }),
      node("a", { href: side.href, text: side.name }),
    ])),
    node("th", { scope: "col", text: "Difference" }),
  ]);
  const rows = facts.map((fact) => node("tr", fact.differs ? { class: "differs" } : {}, [
    node("th", { scope: "row", text: fact.name }),
    ...[fact.left, fact.right].map((value) => node("td", value.hint ? { title: value.hint } : {}, [
      value.tone ? badge(value) : document.createTextNode(value.text),
    ])),
    node("td", { class: `delta ${fact.tone}`, text: fact.delta }),
  ]));
  const columns = node("colgroup", {}, [0, 1, 2, 3].map(() => node("col", {})));
  return node("table", { class: "facts" }, [columns, node("thead", {}, [head]), node("tbody", {}, rows)]);
}

function itemOf(item, open) {
  const figures = item.figures.map((figure) => node("span", { class: "figure" }, [
    ...(figure.name ? [node("span", { class: "name", text: figure.name })] : []),
    document.createTextNode(figure.right === null ? figure.left : `${figure.left} → `),
    ...(figure.right === null ? [] : [node("b", { text: figure.right })]),
  ]));
  const title = node("span", { class: "title", text: item.title });
  if (item.kind) title.append(node("small", { text: item.kind }));
  const body = node("div", { class: "body" }, [
    ...item.errors.map((text) => node("p", { class: "failed", text })),
    ...item.parts.flatMap(partOf),
    ...(item.note ? [node("p", { class: "quiet", text: item.note })] : []),
  ]);
  const fold = node("details", { "data-key": item.key }, [node("summary", {}, [badge(item.badge), title, ...figures]), body]);
  fold.open = open;
  return fold;
}

function partOf(part) {
  const heading = part.title ? [node("h4", { text: part.title })] : [];
  return [...heading, ...part.changes.map(changeOf), ...(part.note ? [node("p", { class: "quiet", text: part.note })] : [])];
}

function changeOf(change) {
  const path = change.path || change.label
    ? [node("div", { class: "path" }, [node("span", { text: change.path }), ...(change.label ? [node("span", { text: change.label })] : [])])]
    : [];
  if (change.rows) return node("div", { class: "change" }, [...path, diffOf(change.rows)]);
  if (change.left === null && change.right === null) return node("div", { class: "change" }, path);
  const values = [valueOf(change.left, "lost", "not there"), valueOf(change.right, "new", "not there")];
  return node("div", { class: "change" }, [...path, node("div", { class: "pair" }, values)]);
}

function valueOf(text, kind, absent) {
  return node("div", { class: `value ${text === null ? "none" : kind}`, text: text === null ? absent : text });
}

function diffOf(rows) {
  const cells = rows.flatMap(([mark, left, one, right, two, skipped]) => {
    if (mark === "skipped") {
      return [node("div", { class: "skip", text: `${skipped} unchanged ${skipped === 1 ? "line" : "lines"}` })];
    }
    const same = mark === "same";
    return [...sideOf(left, one, "left", same ? "" : "lost"), ...sideOf(right, two, `right${same ? " copy" : ""}`, same ? "" : "new")];
  });
  return node("div", { class: "diff" }, cells);
}

function sideOf(line, pieces, side, kind) {
  if (!line) return [node("div", { class: `line blank ${side}` }), node("div", { class: `none ${side}` })];
  const signs = { lost: "−", new: "+" };
  const text = pieces.map(([words, differs]) => (differs && pieces.length > 1 ? node("mark", { text: words }) : document.createTextNode(words)));
  return [
    node("div", { class: `line ${side} ${kind}`, text: kind ? `${line} ${signs[kind]}` : `${line}` }),
    node("div", { class: `${side} ${kind}` }, text),
  ];
}

function badge({ text, icon, tone }) {
  const sign = node("span", { class: "icon", "aria-hidden": "true", text: icon });
  return node("span", { class: `badge ${tone}` }, [sign, document.createTextNode(text)]);
}

function node(name, { text, ...attributes }, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}
