/** What of an assignment's own texts a dispatch command may print, and no report or log line may show. Pure. */
import type { Assignment } from "../../protocol/assignment.ts";
import { isObject } from "../../protocol/fields.ts";

/** All of its environment but what names the task and where it belongs: without that an error cannot be followed up. */
export function confidentialValues(
  environment: Readonly<Record<string, string>>,
  plain: readonly string[],
): string[] {
  return Object.values(environment).filter((value) => !plain.includes(value));
}

/** The prompt, and the texts of its MCP servers: variables, headers, arguments, addresses may all hold a token. */
export function confidentialTexts({ task, taskAsReceived }: Assignment): string[] {
  const definition = taskAsReceived["task_definition"];
  const prompt = isObject(definition) ? definition["prompt"] : null;
  return [...(typeof prompt === "string" ? [prompt] : []), ...textsBelow(partsOf(task.snapshot?.mcpServers))];
}

/** Of each server all but the program's name, which helps whoever reads an error and is no secret. */
function partsOf(servers: Readonly<Record<string, unknown>> = {}): unknown[] {
  return Object.values(servers).flatMap((server) => {
    if (!isObject(server)) return [server];
    return Object.entries(server).flatMap(([key, part]) => (key === "command" ? [] : [part]));
  });
}

/** However deep they are nested. */
function textsBelow(parts: readonly unknown[]): string[] {
  const texts: string[] = [];
  const waiting = [...parts];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === "string") texts.push(next);
    else if (typeof next === "object" && next !== null) waiting.push(...Object.values(next));
  }
  return texts;
}
