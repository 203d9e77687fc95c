// A run on the canvas: a slider over its history, and what a node was given and gave back in each of its turns.
import { useEffect, useState } from "react";
import { Icon } from "./nodes";
import type { Act, Data, RunShown, Visit } from "./types";

const STEP_MS = 500;

interface SliderProps {
  run: RunShown;
  moment: number;
  go: (moment: number) => void;
}

export function Slider({ run, moment, go }: SliderProps) {
  const [playing, setPlaying] = useState(false);
  const last = run.moments.length;
  useEffect(() => {
    if (!playing) return;
    if (moment >= last) {
      setPlaying(false);
      return;
    }
    const timer = setTimeout(() => go(moment + 1), STEP_MS);
    return () => clearTimeout(timer);
  }, [playing, moment, last, go]);
  const play = () => {
    if (!playing && moment >= last) go(0);
    setPlaying(!playing);
  };
  const said = moment === 0 ? "before it began" : run.moments[moment - 1]?.at ?? "";
  return (
    <div className="slider">
      <button type="button" className="plain" aria-label={playing ? "Stop" : "Play the run"} title={playing ? "Stop" : "Play the run"} onClick={play}><Icon name={playing ? "pause" : "play_arrow"} /></button>
      <input type="range" min={0} max={last} value={moment} aria-label="Moment of the run" aria-valuetext={said} onChange={(event) => go(Number(event.target.value))} />
      <span className="said">{said} <span className="quiet">({moment} of {last})</span></span>
      {run.live && <span className="badge orange"><Icon name="progress_activity" />live</span>}
      {run.cut && <span className="quiet">Only the first steps are shown.</span>}
    </div>
  );
}

interface LookProps {
  data: Data;
  run: RunShown;
  nodeKey: string;
  act: Act;
  close: () => void;
}

export function Looked({ data, run, nodeKey, act, close }: LookProps) {
  const looked = run.looked?.key === nodeKey ? run.looked : null;
  const node = data.picture.nodes.find((each) => each.key === nodeKey);
  return (
    <aside className="panel side" aria-label={`What ${node?.title ?? nodeKey} did`} onKeyDown={(event) => event.key === "Escape" && close()}>
      <header>
        <Icon name={data.icons[node?.kind ?? ""] ?? "help"} />
        <strong title={nodeKey}>{node?.title ?? nodeKey}</strong>
        <button type="button" className="plain" aria-label="Close" onClick={close}><Icon name="close" /></button>
      </header>
      <div className="list">
        {!looked && <p className="quiet">Looking it up …</p>}
        {looked && !looked.visits.length && <p className="quiet">It has not run in this run.</p>}
        {looked?.visits.map((visit) => <Turn key={visit.step} visit={visit} data={data} act={act} open={looked.visits.length === 1} />)}
        {looked && looked.more > 0 && <p className="quiet">{looked.more} more turns; the page of the run lists them all.</p>}
      </div>
    </aside>
  );
}

function Turn({ visit, data, act, open }: { visit: Visit; data: Data; act: Act; open: boolean }) {
  const look = data.looks[visit.status] ?? { label: visit.status, icon: "help", tone: "gray" };
  return (
    <details open={open} className="turn">
      <summary><span className={`badge ${look.tone}`}><Icon name={look.icon} />{look.label}</span> <code>{visit.step}</code></summary>
      <p className="quiet">{[visit.when, visit.took, visit.cost].filter(Boolean).join(" · ")}</p>
      {visit.error && <p className="wrong"><Icon name="error" /><span>{visit.error} {visit.hint}</span></p>}
      {visit.inputs && <><h4>Inputs</h4><pre tabIndex={0}>{visit.inputs}</pre></>}
      {visit.outputs && <><h4>Outputs</h4><pre tabIndex={0}>{visit.outputs}</pre></>}
      {visit.forks && <button type="button" onClick={() => act("fork", { step: visit.step })}><Icon name="fork_right" />Run again from here</button>}
    </details>
  );
}
