/**
 * What the worker says to the control plane. The wire's own names stop here: everywhere else they
 * are camelCase.
 */
import type { FailureReason } from "./failure-reason.ts";

export type Outbound =
  | { readonly type: "task_claimed"; readonly taskId: string; readonly workerId: string }
  | {
      readonly type: "task_completed";
      readonly taskId: string;
      readonly message: string;
      readonly cancelled?: boolean;
    }
  | {
      readonly type: "task_failed";
      readonly taskId: string;
      readonly message: string;
      readonly reason: FailureReason;
      readonly exitCode?: number;
    }
  | { readonly type: "task_rejected"; readonly taskId: string; readonly reason: string };

/** One text frame: `{"type": T, "data": {...}}`. */
export function encodeOutbound(message: Outbound): string {
  return JSON.stringify({ type: message.type, data: dataOf(message) });
}

function dataOf(message: Outbound): Record<string, unknown> {
  switch (message.type) {
    case "task_claimed":
      return { task_id: message.taskId, worker_id: message.workerId };
    case "task_completed":
      return {
        task_id: message.taskId,
        message: message.message,
        ...(message.cancelled ? { task_state: "CANCELLED" } : {}),
      };
    case "task_failed":
      return {
        task_id: message.taskId,
        message: message.message,
        failure_reason: message.reason,
        // Left out when it is 0 or unknown; a far side may rely on that.
        ...(message.exitCode ? { exit_code: message.exitCode } : {}),
      };
    case "task_rejected":
      return { task_id: message.taskId, reason: message.reason };
    default:
      return message satisfies never;
  }
}
