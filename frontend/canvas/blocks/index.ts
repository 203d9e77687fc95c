// Every kind of block there is a drawing for; one that is not known says so and shows nothing of it.
import { node } from "../../shared/dom";
import { drawing, type Drawing } from "../types";
import { kind as agent } from "./agent_snippet";
import { kind as approval } from "./approval";
import { kind as starter } from "./button";
import { kind as chart } from "./chart";
import { kind as embed } from "./embed_panel";
import { kind as image } from "./image";
import { kind as json } from "./json_display";
import { kind as board } from "./kanban_board";
import { kind as tile } from "./kpi_tile";
import { kind as prompt } from "./prompt";
import { kind as sql } from "./sql";
import { kind as table } from "./table_view";
import { kind as text } from "./text";
import { kind as video } from "./video";

const KINDS = [agent, approval, board, chart, embed, image, json, prompt, sql, starter, table, text, tile, video];
const BY_TYPE = new Map(KINDS.map((kind) => [kind.type, kind]));

export function drawingOf(type: string): Drawing {
  return BY_TYPE.get(type) ?? drawing({
    type, draw: () => [node("p", { class: "quiet", text: `This page cannot draw blocks of the type "${type}".` })],
  });
}
