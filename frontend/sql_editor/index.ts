// The SQL editor as Streamlit mounts it.
import { door } from "../shared/code/mount";
import { SqlEditor, type Data, type SqlReport } from "./editor";

export default door<Data, SqlReport>(
  (root, data, report) => new SqlEditor(root, data, report),
  (component) => ({
    draft: (text, revision) => component.setStateValue("draft", { text, revision }),
    saved: () => component.setTriggerValue("saved", true),
    asked: () => component.setTriggerValue("asked", true),
  }),
);
