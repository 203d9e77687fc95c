// What changes is pushed: one socket for the whole page says which topics have changed, and who follows them asks for
// what is new. After a break everybody is told once, because what happened meanwhile was said to nobody.

type Told = (topics: string[]) => void;

interface Line {
  socket: WebSocket | null;
  followers: Map<Told, string[]>;
  wait: number;
  broken: boolean;
  timer: number;
}

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
// Several components, each a bundle of its own, share one socket.
const lines: Map<string, Line> = ((window as unknown as { ionfluxLive?: Map<string, Line> }).ionfluxLive ??= new Map());

/** Call `changed` with those of `topics` that have changed; one that ends in `*` stands for all that begin so. */
export function follow(workspace: string, topics: string[], changed: Told): () => void {
  const line = lines.get(workspace) ?? { socket: null, followers: new Map(), wait: FIRST_WAIT, broken: false, timer: 0 };
  lines.set(workspace, line);
  line.followers.set(changed, topics);
  if (!line.socket && !line.timer) connect(workspace, line);
  return () => {
    line.followers.delete(changed);
    if (line.followers.size) return;
    clearTimeout(line.timer);
    lines.delete(workspace);
    line.socket?.close();
  };
}

function connect(workspace: string, line: Line): void {
  line.timer = 0;
  const at = new URL("live", base());
  at.protocol = at.protocol === "https:" ? "wss:" : "ws:";
  at.searchParams.set("workspace", workspace);
  const socket = new WebSocket(at.href);
  line.socket = socket;
  socket.onopen = () => {
    line.wait = FIRST_WAIT;
    if (line.broken) for (const [changed, topics] of line.followers) changed(topics);
    line.broken = false;
  };
  socket.onmessage = (message) => tell(line, message.data);
  socket.onclose = () => {
    line.socket = null;
    if (!line.followers.size) return;
    line.broken = true;
    line.timer = window.setTimeout(() => connect(workspace, line), line.wait);
    line.wait = Math.min(line.wait * 2, LONGEST_WAIT);
  };
}

function tell(line: Line, data: unknown): void {
  let told: string[];
  try {
    told = JSON.parse(String(data)).topics;
  } catch {
    return;
  }
  for (const [changed, topics] of line.followers) {
    const mine = told.filter((topic) => topics.some((wanted) => wanted === topic || (wanted.endsWith("*") && topic.startsWith(wanted.slice(0, -1)))));
    if (mine.length) changed(mine);
  }
}

/** Where the server lies: pages are its addresses of one word, so their folder is its base. */
export function base(): string {
  return new URL(".", location.href).href;
}
