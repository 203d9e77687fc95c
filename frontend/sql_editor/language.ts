// SQL as the analytics database speaks it, well enough to colour it.
import { StreamLanguage, type StreamParser, type StringStream } from "@codemirror/language";

export const KEYWORDS = `select from where group by order having limit offset with recursive as on using join left right
  inner outer full cross natural lateral union all except intersect distinct case when then else end and or not in is
  null like ilike between exists asc desc nulls first last over partition rows range preceding following unbounded
  current row filter qualify window values interval true false cast any some`.split(/\s+/);

const WORDS = new Set(KEYWORDS);
const TYPES = new Set(`integer int bigint smallint double float decimal numeric varchar text boolean bool date time
  timestamp timestamptz json`.split(/\s+/));

interface State {
  comment: number;
}

function token(stream: StringStream, state: State): string | null {
  if (state.comment || stream.match("/*")) return comment(stream, state);
  if (stream.eatSpace()) return null;
  if (stream.match(/^--.*/)) return "comment";
  if (stream.match(/^'(?:[^']|'')*'?/)) return "string";
  if (stream.match(/^"(?:[^"]|"")*"?/)) return "propertyName";
  if (stream.match(/^\$\w+/)) return "labelName";
  if (stream.match(/^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/i)) return "number";
  const word = stream.match(/^[A-Za-z_]\w*/) as RegExpMatchArray | null;
  if (word) return ofWord(word[0].toLowerCase(), stream);
  stream.next();
  return "punctuation";
}

function comment(stream: StringStream, state: State): string {
  state.comment ||= 1;
  state.comment = stream.match(/^.*?\*\//) ? 0 : state.comment;
  if (state.comment) stream.skipToEnd();
  return "comment";
}

function ofWord(word: string, stream: StringStream): string | null {
  if (WORDS.has(word)) return "keyword";
  if (stream.match(/^\s*\(/, false)) return "typeName";
  return TYPES.has(word) ? "typeName" : null;
}

const parser: StreamParser<State> = {
  name: "sql",
  startState: () => ({ comment: 0 }),
  token,
  languageData: { commentTokens: { line: "--", block: { open: "/*", close: "*/" } }, closeBrackets: { brackets: ["(", "[", "'", '"'] } },
};

export const sql = StreamLanguage.define(parser);
