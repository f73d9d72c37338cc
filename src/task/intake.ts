/** What the control plane sent, to the scheduler. Nothing that arrives can stop the daemon. */
import type { Logger } from "../logging/logger.ts";
import { type Invalid, parseInbound } from "../protocol/inbound.ts";
import type { Scheduler } from "./scheduler.ts";

export function createIntake(scheduler: Scheduler, log: Logger): (text: string) => void {
  const refuse = ({ taskId, executionId, problem }: Invalid) => {
    log.warn("message from the control plane cannot be used", { taskId, problem });
    if (taskId !== null) scheduler.refuse({ taskId, executionId }, problem);
  };
  return (text) => {
    const inbound = parseInbound(text);
    switch (inbound.kind) {
      case "assignment":
        if (inbound.misread.length > 0) {
          const { taskId } = inbound.assignment;
          log.warn("fields of an assignment were not understood", {
            taskId,
            fields: inbound.misread.join(", "),
          });
        }
        scheduler.offer(inbound.assignment);
        return;
      case "cancellation":
        scheduler.cancel(inbound.taskId);
        return;
      case "invalid":
        refuse(inbound);
        return;
      case "ignored":
        log.debug("message of an unknown type skipped", { type: inbound.type });
        return;
      default:
        inbound satisfies never;
    }
  };
}
