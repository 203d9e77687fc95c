// The door to Streamlit: it calls the default export at mount and again whenever data or theme change.
import { YamlEditor, type Data, type Report } from "./editor";

interface Component {
  data: Data;
  parentElement: ShadowRoot;
  setStateValue(name: string, value: unknown): void;
  setTriggerValue(name: string, value: unknown): void;
}

interface Mounted {
  editor: YamlEditor;
  calls: number;
}

const mounted = new WeakMap<ShadowRoot, Mounted>();

export default function mount(component: Component): () => void {
  const { data, parentElement } = component;
  const report: Report = {
    draft: (text, revision) => component.setStateValue("draft", { text, revision }),
    saved: () => component.setTriggerValue("saved", true),
  };
  const here = mounted.get(parentElement) ?? { editor: new YamlEditor(parentElement, data, report), calls: 0 };
  mounted.set(parentElement, here);
  const call = ++here.calls;
  if (call > 1) {
    here.editor.report = report;
    here.editor.update(data);
  }
  return () => {
    if (call !== here.calls) return;  // a later call has taken over this editor
    mounted.delete(parentElement);
    here.editor.destroy();
  };
}
