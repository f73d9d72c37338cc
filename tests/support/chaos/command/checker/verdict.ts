/**
 * The judge of a campaign with the Command backend. Pure: from what the control plane sent and read, what the commands wrote down
 * and what is left, it names each promise of docs/protocol.md and docs/command.md that was broken. What it says has to hold for
 * every interleaving; where the documentation says that something can be lost, the rule quotes that place.
 */
import type { Violation } from "../../checker/conversation.ts";
import { checkOrder } from "../../checker/order.ts";
import type { CommandHistory } from "../history.ts";
import { checkCancellations } from "./cancellations.ts";
import { isDispatchedAnew } from "./dispatched-anew.ts";
import { checkRest } from "./rest.ts";
import { checkRuns } from "./runs.ts";
import { accepted, tell } from "./stories.ts";
import { checkTruth } from "./truth.ts";

export function judge(history: CommandHistory): Violation[] {
  const telling = tell(history);
  return [
    ...checkOrder(
      telling,
      (story) => isDispatchedAnew(story, telling),
      (story) => accepted(story) !== undefined,
    ),
    ...checkRuns(telling),
    ...checkTruth(telling),
    ...checkCancellations(telling),
    ...checkRest(telling),
  ];
}
