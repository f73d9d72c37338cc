/**
 * The judge of a campaign against a cluster. Pure: from what the control plane sent and read, what the agents wrote down and what
 * is left, it names each promise of docs/protocol.md and docs/kubernetes.md that was broken. What it says has to hold for every
 * interleaving; where the documentation lets something happen, the rule quotes that place.
 */
import type { Violation } from "../../checker/conversation.ts";
import { checkOrder } from "../../checker/order.ts";
import type { ClusterHistory } from "../history.ts";
import { checkRepeatedEnds } from "./repeats.ts";
import { checkRest } from "./rest.ts";
import { checkRuns } from "./runs.ts";
import { tell } from "./stories.ts";
import { checkTruth } from "./truth.ts";

export function judge(history: ClusterHistory): Violation[] {
  const telling = tell(history);
  return [
    ...checkOrder(telling, ({ wasGivenAway }) => wasGivenAway),
    ...checkRepeatedEnds(telling),
    ...checkRuns(telling),
    ...checkTruth(telling),
    ...checkRest(telling),
  ];
}
