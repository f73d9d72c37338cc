/** What a control plane sees of a task and of its workers, made by hand: all of one task, and of worker 1 unless told. */
import type { Happening, Said } from "../../../support/chaos/history.ts";

interface Where {
  readonly worker?: number;
  readonly connection?: number;
}

const whose = ({ worker = 1, connection = worker }: Where) => ({ worker, connection });

export const started = (worker = 1): Happening => ({ kind: "started", worker });
export const opened = (where: Where = {}): Happening => ({ kind: "opened", ...whose(where) });
export const pinged = (where: Where = {}): Happening => ({ kind: "pinged", ...whose(where) });
export const exited = (worker = 1, status = 0): Happening => ({ kind: "exited", worker, status });
export const signalled = (signal: "SIGKILL" | "SIGTERM" | "SIGQUIT", worker = 1): Happening => ({
  kind: "signalled",
  worker,
  signal,
});
export const shimKilled = (worker = 1): Happening => ({ kind: "shim-killed", worker });
export const settled: Happening = { kind: "settled" };

export function assigned({
  executionId = "e0",
  ...where
}: Where & { executionId?: string | null } = {}): Happening {
  return { kind: "assigned", ...whose(where), taskId: "t", executionId };
}

export const cancelled = (where: Where = {}): Happening => ({
  kind: "cancelled",
  ...whose(where),
  taskId: "t",
});

/** And answered. */
export function fence(where: Where = {}): Happening[] {
  const taskId = `fence-${JSON.stringify(where)}`;
  const answer = { ...said("task_failed", { ...where, words: taskId, reason: "unknown" }), taskId };
  return [{ kind: "fenced", ...whose(where), taskId }, answer];
}

function said(type: string, { worker, connection, ...rest }: Where & Partial<Said>): Said {
  const where = whose({
    ...(worker === undefined ? {} : { worker }),
    ...(connection === undefined ? {} : { connection }),
  });
  const what = { type, reason: null, exitCode: null, cancelled: false, ...rest };
  return { kind: "said", taskId: "t", words: JSON.stringify(what), ...where, ...what };
}

export const claimed = (where: Where = {}): Happening => said("task_claimed", where);
export const rejected = (reason: string, where: Where = {}): Happening =>
  said("task_rejected", { reason, ...where });
export const completed = (where: Where = {}): Happening => said("task_completed", where);
export const toldCancelled = (where: Where = {}): Happening =>
  said("task_completed", { cancelled: true, ...where });
export const failed = (
  reason: string,
  exitCode: number | null = null,
  more: Where & Partial<Pick<Said, "words">> = {},
): Happening => said("task_failed", { reason, exitCode, ...more });
/** The words that go with `unknown`. */
export const neverBegun = (where: Where = {}): Happening =>
  said("task_failed", { reason: "unknown", words: "it is safe to retry", ...where });
