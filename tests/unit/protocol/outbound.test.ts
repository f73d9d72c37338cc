import { expect, test } from "bun:test";
import { FAILURE_REASONS } from "../../../src/protocol/failure-reason.ts";
import { encodeOutbound, type Outbound } from "../../../src/protocol/outbound.ts";

const FAILED = { type: "task_failed", taskId: "t", message: "m", reason: "unknown" } as const;
const FAILED_FRAME = '{"type":"task_failed","data":{"task_id":"t","message":"m","failure_reason":"unknown"}}';

test.each<[Outbound, string]>([
  [
    { type: "task_claimed", taskId: "t", workerId: "w" },
    '{"type":"task_claimed","data":{"task_id":"t","worker_id":"w"}}',
  ],
  [
    { type: "task_completed", taskId: "t", message: "Task completed successfully" },
    '{"type":"task_completed","data":{"task_id":"t","message":"Task completed successfully"}}',
  ],
  [
    { type: "task_completed", taskId: "t", message: "m", cancelled: false },
    '{"type":"task_completed","data":{"task_id":"t","message":"m"}}',
  ],
  [
    { type: "task_completed", taskId: "t", message: "Task cancelled by user request.", cancelled: true },
    '{"type":"task_completed","data":{"task_id":"t","message":"Task cancelled by user request.","task_state":"CANCELLED"}}',
  ],
  [FAILED, FAILED_FRAME],
  [{ ...FAILED, exitCode: 0 }, FAILED_FRAME],
  [
    { ...FAILED, reason: "agent_invocation", exitCode: 137 },
    '{"type":"task_failed","data":{"task_id":"t","message":"m","failure_reason":"agent_invocation","exit_code":137}}',
  ],
  [
    { type: "task_rejected", taskId: "t", reason: "worker at maximum concurrency" },
    '{"type":"task_rejected","data":{"task_id":"t","reason":"worker at maximum concurrency"}}',
  ],
])("%j goes out to the letter", (message, frame) => {
  expect(encodeOutbound(message)).toBe(frame);
});

test("text of any kind survives the frame", () => {
  const message = 'quotes " and \\ and\nlines and \u0000 and 😀 and \ud800';
  const frame = encodeOutbound({ ...FAILED, message });
  expect(frame).not.toContain("\n");
  expect(JSON.parse(frame).data.message).toBe(message);
});

test("the vocabulary of failures is the contract's 29 words, each once", () => {
  expect(FAILURE_REASONS).toHaveLength(29);
  expect(new Set(FAILURE_REASONS).size).toBe(29);
});
