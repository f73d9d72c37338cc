/** What of an assignment's own texts a dispatch command may print, and no report or log line may show. Pure. */
import type { Assignment } from "../../protocol/assignment.ts";
import { isObject } from "../../protocol/fields.ts";

/** The prompt, and the texts of its MCP servers: variables, headers, arguments, addresses may all hold a token. */
export function confidentialTexts({ task, taskAsReceived }: Assignment): string[] {
  const definition = taskAsReceived["task_definition"];
  const prompt = isObject(definition) ? definition["prompt"] : null;
  return [...(typeof prompt === "string" ? [prompt] : []), ...textsBelow(task.snapshot?.mcpServers ?? {})];
}

/** But the names of programs, which help whoever reads an error and are no secret. */
function textsBelow(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsBelow);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, each]) => (key === "command" ? [] : textsBelow(each)));
}
