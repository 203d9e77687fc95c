// A question that a run asks a person.
import { button, icon, node } from "../../shared/dom";
import { markdown } from "../../shared/markdown";
import { exact, relative } from "../../shared/moments";
import { badge } from "../badge";
import { drawing, type Host, type Target, type View } from "../types";
import { acts, goTo, labelled, noteOf, quiet } from "./parts";

interface Question {
  id: string;
  title: string;
  body: string;
  agent: string | null;
  word: string;
  tone: string;
  created_at: string;
  expires_at: string | null;
  decided_by: string | null;
  comment: string | null;
  decided_at: string | null;
  fields?: { key: string; text: string }[];
}

interface ApprovalView extends View {
  question: Question | null;
  waiting?: number;
  links?: { run: Target | null; approvals: Target | null };
}

export const kind = drawing<ApprovalView>({ type: "approval", draw });

function draw(view: ApprovalView, host: Host): (Node | null)[] {
  const { question } = view;
  if (!question) return [noteOf(view) ?? quiet("Nothing waits for a decision."), links(view, host)];
  const fields = (question.fields ?? []).map((field) => node("div", { class: "given" }, [node("dt", { text: field.key }), node("dd", { text: field.text })]));
  return [
    node("p", { class: "asked-by" }, [
      badge({ word: question.word, tone: question.tone }),
      node("span", { class: "quiet", text: [question.agent, relative(question.created_at)].filter(Boolean).join(" · "), title: exact(question.created_at) }),
      question.expires_at && view.state === "open" ? node("span", { class: "quiet", text: `expires ${relative(question.expires_at)}`, title: exact(question.expires_at) }) : null,
    ]),
    node("h3", { class: "heading", text: question.title }), markdown(question.body ?? ""),
    fields.length ? node("dl", {}, fields) : null,
    view.state === "open" ? decision(host) : decided(question), noteOf(view), links(view, host),
  ];
}

function decision(host: Host): HTMLElement | null {
  if (host.readOnly) return null;
  const field = node("input", { class: "field", type: "text", placeholder: "May stay empty", "data-key": "comment", maxlength: 2000, value: String(host.state.comment ?? "") });
  field.addEventListener("input", () => { host.state.comment = field.value; });
  const press = (action: string) => (event: Event): void => {
    const own = (event.currentTarget as Element).parentElement!;
    own.querySelectorAll("button").forEach((one) => { one.disabled = true; });
    host.did("press", { action, comment: field.value });
  };
  return node("div", { class: "decision" }, [
    labelled("Comment", field), acts([button("Approve", { icon: "check", class: "primary" }, press("approve")), button("Deny", { icon: "close" }, press("deny"))]),
  ]);
}

function decided(question: Question): HTMLElement {
  const who = question.decided_by ? `${question.word} by ${question.decided_by}` : question.word;
  const when = question.decided_at ? `, ${relative(question.decided_at)}` : "";
  return node("p", { class: "decided" }, [icon("how_to_reg"), node("span", { text: `${who}${when}${question.comment ? `: ${question.comment}` : ""}` })]);
}

function links(view: ApprovalView, host: Host): HTMLElement {
  const more = view.waiting && view.waiting > 1 ? `All ${view.waiting} that wait` : "All approvals";
  return acts([goTo(host, "Open run", view.links?.run), goTo(host, more, view.links?.approvals)]);
}
