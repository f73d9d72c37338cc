/** How one execution ended, whatever ran it, and what the control plane is told of it. */
import type { FailureReason } from "../protocol/failure-reason.ts";
import type { Outbound } from "../protocol/outbound.ts";

export type Outcome =
  | { readonly kind: "completed" }
  /** The company's own engine runs it now and reports by itself. */
  | { readonly kind: "handed-off" }
  /** Another worker of this host runs the task now, and reports. */
  | { readonly kind: "left" }
  | { readonly kind: "cancelled" }
  | {
      readonly kind: "failed";
      readonly reason: FailureReason;
      readonly message: string;
      readonly exitCode?: number;
    };

export const SHUTDOWN_OUTCOME: Outcome = {
  kind: "failed",
  reason: "graceful_shutdown",
  message: "Task stopped because the worker is shutting down; it is safe to retry",
};

/** The one terminal message of an outcome; null where somebody else reports. */
export function reportFor(taskId: string, outcome: Outcome): Outbound | null {
  switch (outcome.kind) {
    case "completed":
      return { type: "task_completed", taskId, message: "Task completed successfully" };
    case "cancelled":
      return { type: "task_completed", taskId, message: "Task cancelled by user request.", cancelled: true };
    case "handed-off":
    case "left":
      return null;
    case "failed":
      return {
        type: "task_failed",
        taskId,
        message: outcome.message,
        reason: outcome.reason,
        ...(outcome.exitCode ? { exitCode: outcome.exitCode } : {}),
      };
    default:
      return outcome satisfies never;
  }
}
