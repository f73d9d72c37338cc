/**
 * The judge of a campaign against an engine. Pure: from what the control plane sent and read, what the agents wrote down and what
 * is left, it names each promise of docs/protocol.md and docs/docker.md that was broken. What it says has to hold for every
 * interleaving; where the documentation lets something happen, the rule quotes that place.
 */
import type { Violation } from "../../checker/conversation.ts";
import { checkOrder } from "../../checker/order.ts";
import type { DockerHistory } from "../history.ts";
import { checkRest } from "./rest.ts";
import { checkRuns } from "./runs.ts";
import { tell } from "./stories.ts";
import { checkTruth } from "./truth.ts";

export function judge(history: DockerHistory): Violation[] {
  const telling = tell(history);
  return [
    // An execution is given to no second worker while the first may have it: it is never begun anew.
    ...checkOrder(telling, () => false),
    ...checkRuns(telling),
    ...checkTruth(telling),
    ...checkRest(telling),
  ];
}
