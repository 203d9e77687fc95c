// The YAML editor as Streamlit mounts it.
import type { Report } from "../shared/code/editor";
import { door } from "../shared/code/mount";
import { YamlEditor, type Data } from "./editor";

export default door<Data, Report>(
  (root, data, report) => new YamlEditor(root, data, report),
  (component) => ({
    draft: (text, revision) => component.setStateValue("draft", { text, revision }),
    saved: () => component.setTriggerValue("saved", true),
  }),
);
