/** What is left when all is over, what became known, and how the workers themselves fared. */
import type { Violation } from "../../checker/conversation.ts";
import { checkExits } from "../../checker/exits.ts";
import { complaints, exitsIn, isLeftToAnother, isStoppedShim } from "../../checker/rest.ts";
import { SECRET_WORD } from "../history.ts";
import type { CommandTelling } from "./stories.ts";

export function checkRest(telling: CommandTelling): Violation[] {
  return [...leavings(telling), ...checkExits(telling), ...complaints(telling), ...leaks(telling)];
}

/** Of a worker that went while its journal was in memory nobody knows what it had: docs/protocol.md, "In-memory mode". */
function leavings(telling: CommandTelling): Violation[] {
  const { history, stories, forgot } = telling;
  if (stories.some(forgot)) return [];
  const { exits, processes, ...others } = history.left;
  // Docs/operations.md, "State folder": a killed worker's status that nobody asks for, for another has dispatched its task anew.
  const isDispatchedAnew = stories.some((story) => isLeftToAnother(story, telling));
  return [
    ...Object.entries(others).flatMap(([where, each]) => each.map((name) => `${where}: ${name}`)),
    ...processes.filter((name) => !isStoppedShim(name, telling)).map((name) => `processes: ${name}`),
    ...(isDispatchedAnew ? [] : exitsIn(exits, telling)),
  ].map((what) => ({ rule: "left", taskId: null, what }));
}

function leaks({ history }: CommandTelling): Violation[] {
  const logged = history.leaks.map((line) => ({ rule: "secret", taskId: null, what: line }));
  const told = history.events.flatMap((event) =>
    event.kind === "said" && event.words.includes(SECRET_WORD)
      ? [{ rule: "secret", taskId: event.taskId, what: event.words }]
      : [],
  );
  return [...logged, ...told];
}
