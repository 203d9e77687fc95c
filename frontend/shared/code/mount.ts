// The door to Streamlit: it calls the default export at mount and again whenever data or theme change.
import { whenGone } from "../door";
import type { CodeEditor, Data, Report } from "./editor";

export interface Component<Said> {
  data: Said;
  parentElement: ShadowRoot;
  setStateValue(name: string, value: unknown): void;
  setTriggerValue(name: string, value: unknown): void;
}

/** What a bundle exports: it finds the editor of its element again, or makes it. */
export function door<Said extends Data, Told extends Report>(
  make: (root: ShadowRoot, data: Said, report: Told) => CodeEditor<Said>,
  reportOf: (component: Component<Said>) => Told,
): (component: Component<Said>) => () => void {
  const mounted = new WeakMap<ShadowRoot, CodeEditor<Said>>();
  return (component) => {
    const { data, parentElement } = component;
    const report = reportOf(component);
    const before = mounted.get(parentElement);
    const editor = before ?? make(parentElement, data, report);
    mounted.set(parentElement, editor);
    if (before) {
      editor.report = report;
      editor.update(data);
    }
    return whenGone(parentElement, () => {
      if (mounted.delete(parentElement)) editor.destroy();
    });
  };
}
