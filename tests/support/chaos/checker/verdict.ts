/**
 * The judge of a campaign. Pure: from what the control plane sent and read, what the agents wrote down and what is left, it
 * names each promise of docs/protocol.md and docs/direct.md that was broken. It knows nothing of when things happen
 * inside of the worker, so what it says has to hold for every interleaving; where the documentation says that
 * something can be lost, the rule quotes that place.
 */
import type { Event, History } from "../history.ts";
import { isBegunAnew } from "./begun-anew.ts";
import type { Violation } from "./conversation.ts";
import { checkOrder } from "./order.ts";
import { checkRest } from "./rest.ts";
import { checkRuns } from "./runs.ts";
import { tell } from "./stories.ts";
import { checkTruth } from "./truth.ts";

export function judge(history: History): Violation[] {
  const telling = tell(history);
  return [
    ...checkOrder(telling, (story) => isBegunAnew(story, telling)),
    ...checkRuns(telling),
    ...checkTruth(telling),
    ...checkRest(telling),
  ];
}

export interface Witnesses {
  readonly events: readonly Event[];
  readonly ledger: readonly { readonly at: number; readonly taskId: string }[];
}

/** With all that happened to the tasks it is about, for whoever has to find out why. */
export function describe(violations: readonly Violation[], history: Witnesses): string {
  const [first] = history.events;
  const since = (at: number) => String(Math.round(at - (first?.at ?? 0))).padStart(6);
  return violations
    .map(({ rule, taskId, what }) => {
      const events = history.events.filter((event) => !("taskId" in event) || event.taskId === taskId);
      const lines = [
        ...events
          .filter(({ kind }) => taskId !== null && kind !== "pinged")
          .map(({ at, ...event }) => ({ at, text: JSON.stringify(event) })),
        ...history.ledger
          .filter((line) => line.taskId === taskId)
          .map(({ at, ...line }) => ({ at, text: `ledger ${JSON.stringify(line)}` })),
      ].toSorted((one, other) => one.at - other.at);
      return [
        `${rule}: ${taskId ?? "-"}: ${what}`,
        ...lines.map(({ at, text }) => `${since(at)} ${text}`),
      ].join("\n");
    })
    .join("\n\n");
}
