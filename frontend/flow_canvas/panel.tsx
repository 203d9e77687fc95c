// The properties of one node: fields made from its kind and from what it calls. Each change is one edit of the text.
import { useMemo, useState } from "react";
import { Entry, ID, Reads, at } from "./fields";
import { Icon } from "./nodes";
import { readsOf } from "./reads";
import type { Act, Data, Field, FlowNode, Offer, Path } from "./types";

interface Props {
  data: Data;
  node: FlowNode;
  act: Act;
  close: () => void;
}

const CALLING = ["transform", "agent", "flow"];

export function Panel({ data, node, act, close }: Props) {
  const offers = data.offers.filter((offer) => offer.kind === node.kind);
  const offer = offerOf(offers, node);
  const fields = (data.fields[node.kind] ?? []).filter((field) => !(CALLING.includes(node.kind) && field.path.join() === node.kind));
  const set = (path: Path, value: unknown) => act("set", { key: node.key, field: path, value });
  const one = (field: Field) => (
    <Entry key={`${node.key} ${field.path.join(".")}`} field={field} value={at(node.values, field.path)} disabled={!data.editable} set={(value) => set(field.path, value)} />
  );
  const reads = useMemo(() => readsOf(data, node), [data.picture, data.offers, node.key]);
  return (
    <Reads.Provider value={reads}>
    <aside className="panel side" aria-label={`Properties of ${node.title}`} onKeyDown={(event) => event.key === "Escape" && close()}>
      <header>
        <Icon name={data.icons[node.kind] ?? ""} />
        <strong title={node.key}>{node.title}</strong>
        <button type="button" className="plain" aria-label="Close the properties" onClick={close}><Icon name="close" /></button>
      </header>
      <div className="list">
        {node.problems.map((at) => data.problems[at] && <p key={at} className="wrong"><Icon name="error" /><span>{data.problems[at].message} {data.problems[at].hint}</span></p>)}
        <Entry field={ID} value={node.id} disabled={!data.editable} set={(id) => id && act("rename", { key: node.key, id })} />
        {CALLING.includes(node.kind) && <Called node={node} offers={offers} disabled={!data.editable} set={(value) => set([node.kind], value)} />}
        {offer?.about && <p className="quiet">{offer.about}</p>}
        {fields.filter((field) => !field.more && field.path[0] !== "if").map(one)}
        {node.kind === "switch" && <Cases data={data} node={node} set={set} act={act} />}
        {node.kind === "parallel" && <Branches data={data} node={node} set={set} act={act} />}
        {CALLING.includes(node.kind) && <Inputs node={node} offer={offer} disabled={!data.editable} set={set} />}
        {fields.filter((field) => field.path[0] === "if").map(one)}
        <After node={node} act={act} editable={data.editable} data={data} />
        <details open={fields.some((field) => field.more && at(node.values, field.path) !== undefined)}>
          <summary>More: errors, tries, time, permission</summary>
          {fields.filter((field) => field.more).map(one)}
          {data.editable && !node.sections.some((section) => section.kind === "on_error") && (
            <button type="button" onClick={() => act("section", { key: node.key, kind: "on_error" })}><Icon name="add" />Nodes that run on an error</button>
          )}
          {data.editable && node.sections.some((section) => section.kind === "on_error") && <Gone label="Remove what runs on an error" pressed={() => set(["on_error"], null)} />}
        </details>
        {data.editable && <button type="button" className="danger" onClick={() => act("delete", { keys: [node.key] })}><Icon name="delete" />Delete</button>}
      </div>
    </aside>
    </Reads.Provider>
  );
}

/** The properties of the flow itself; what starts it is written in the YAML and tried under Triggers. */
export function FlowPanel({ data, act, close }: Omit<Props, "node">) {
  const one = (field: Field) => (
    <Entry key={field.path.join(".")} field={field} value={at(data.picture.values, field.path)} disabled={!data.editable} set={(value) => act("set", { field: field.path, value })} />
  );
  return (
    <aside className="panel side" aria-label="Properties of the flow" onKeyDown={(event) => event.key === "Escape" && close()}>
      <header>
        <Icon name="account_tree" />
        <strong>{data.picture.title || data.picture.name}</strong>
        <button type="button" className="plain" aria-label="Close the properties" onClick={close}><Icon name="close" /></button>
      </header>
      <div className="list">
        {data.picture.elsewhere.map((number) => data.problems[number] && <p key={number} className="wrong"><Icon name="error" /><span>{data.problems[number].message} {data.problems[number].hint}</span></p>)}
        {data.flow_fields.filter((field) => !field.more).map(one)}
        <details>
          <summary>More: what holds for every node, what a run is worth</summary>
          {data.flow_fields.filter((field) => field.more).map(one)}
        </details>
        <p className="quiet">What starts it, `triggers:`, is written in the YAML.</p>
      </div>
    </aside>
  );
}

function offerOf(offers: Offer[], node: FlowNode): Offer | undefined {
  const exact = offers.find((offer) => offer.name === node.calls);
  // Without a version the newest one is meant.
  return exact ?? offers.filter((offer) => offer.name.split("@")[0] === node.calls).at(-1);
}

function Called({ node, offers, disabled, set }: { node: FlowNode; offers: Offer[]; disabled: boolean; set: (value: unknown) => void }) {
  const known = offers.some((offer) => offer.name === node.calls);
  return (
    <label className="labelled">
      <span className="name">{node.kind === "transform" ? "Transform" : node.kind === "agent" ? "Agent" : "Flow"}</span>
      <select className="field" value={node.calls} disabled={disabled} onChange={(event) => set(event.target.value)}>
        {!known && <option value={node.calls}>{node.calls || "choose one"}</option>}
        {offers.map((offer) => <option key={offer.name} value={offer.name}>{offer.title === offer.name ? offer.name : `${offer.title} (${offer.name})`}</option>)}
      </select>
    </label>
  );
}

function Inputs({ node, offer, disabled, set }: { node: FlowNode; offer: Offer | undefined; disabled: boolean; set: (path: Path, value: unknown) => void }) {
  const given = (node.values["inputs"] ?? {}) as Record<string, unknown>;
  const known = offer?.fields ?? [];
  const others = Object.keys(given).filter((name) => !known.some((field) => field.path[1] === name));
  const fields = [...known, ...others.map((name): Field => ({ path: ["inputs", name], label: name, form: "json", help: "", needed: false, choices: [], usual: "", more: false }))];
  const [name, setName] = useState("");
  const add = () => {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !(name in given)) set(["inputs", name], "…");
    setName("");
  };
  return (
    <section className="inputs">
      <h4>Inputs</h4>
      {!fields.length && <p className="quiet">It takes no inputs.</p>}
      {fields.map((field) => (
        <Entry key={`${node.key} ${node.calls} ${field.path.join(".")}`} field={field} value={given[String(field.path[1])]} disabled={disabled} set={(value) => set(field.path, value)} />
      ))}
      {!offer && !disabled && (
        <div className="row">
          <input className="field" placeholder="name of another input" aria-label="Name of another input" value={name} onChange={(event) => setName(event.target.value)}
            onKeyDown={(event) => event.key === "Enter" && add()} />
          <button type="button" onClick={add}>Add</button>
        </div>
      )}
    </section>
  );
}

function Cases({ data, node, set, act }: { data: Data; node: FlowNode; set: (path: Path, value: unknown) => void; act: Act }) {
  const cases = (Array.isArray(node.values["cases"]) ? node.values["cases"] : []) as Record<string, unknown>[];
  return (
    <section>
      <h4>Cases, tried in order</h4>
      {cases.map((one, number) => (
        <div key={number} className="case">
          {data.case_fields.map((field) => (
            <Entry key={`${node.key} ${number} ${field.path.join(".")}`} field={{ ...field, label: `${field.label} (${number + 1})` }} value={at(one, field.path)} disabled={!data.editable}
              set={(value) => set(["cases", number, ...field.path], value)} />
          ))}
          {data.editable && cases.length > 1 && <Gone label={`Remove case ${number + 1} with its nodes`} pressed={() => set(["cases", number], null)} />}
        </div>
      ))}
      {data.editable && <button type="button" onClick={() => act("section", { key: node.key, kind: "case" })}><Icon name="add" />Another case</button>}
    </section>
  );
}

function Branches({ data, node, set, act }: { data: Data; node: FlowNode; set: (path: Path, value: unknown) => void; act: Act }) {
  const branches = (node.values["parallel"] ?? {}) as Record<string, { title?: string }>;
  const names = Object.keys(branches);
  return (
    <section>
      <h4>Branches, side by side</h4>
      {names.map((name) => (
        <div key={name} className="case">
          <Entry field={{ ...ID, path: ["title"], label: `Title of ${name}`, help: "", needed: false }} value={branches[name]?.title} disabled={!data.editable} set={(value) => set(["parallel", name, "title"], value)} />
          {data.editable && names.length > 1 && <Gone label={`Remove branch ${name} with its nodes`} pressed={() => set(["parallel", name], null)} />}
        </div>
      ))}
      {data.editable && <button type="button" onClick={() => act("section", { key: node.key, kind: "branch" })}><Icon name="add" />Another branch</button>}
    </section>
  );
}

function Gone({ label, pressed }: { label: string; pressed: () => void }) {
  return <button type="button" className="plain gone" onClick={pressed}><Icon name="delete" />{label}</button>;
}

function After({ node, act, editable, data }: { node: FlowNode; act: Act; editable: boolean; data: Data }) {
  const after = Array.isArray(node.values["after"]) ? (node.values["after"] as unknown[]).map(String) : [];
  if (!after.length) return null;
  const keyOf = (id: string) => data.picture.nodes.find((each) => each.id === id && each.parent === node.parent && each.section === node.section)?.key;
  return (
    <section>
      <h4>Runs after</h4>
      {after.map((id) => (
        <span key={id} className="chip">
          {id}
          {editable && keyOf(id) && <button type="button" className="plain" aria-label={`Do not wait for ${id}`} onClick={() => act("disconnect", { source: keyOf(id), target: node.key })}><Icon name="close" /></button>}
        </span>
      ))}
    </section>
  );
}
