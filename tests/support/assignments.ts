/** Task assignments as the control plane sends them. */
import type { Assignment } from "../../src/dev/assignment-of.ts";

export interface AssignmentFields {
  readonly taskId?: string;
  /** Null: without one. */
  readonly executionId?: string | null;
  readonly title?: string;
  readonly prompt?: string;
  /** The task's `env_vars`: how the fake agent is told what to do. */
  readonly env?: Readonly<Record<string, string>>;
  readonly snapshot?: Readonly<Record<string, unknown>>;
  readonly owner?: { readonly Type: "USER" | "TEAM"; readonly Id: number };
  /** More fields of the assignment, wire names; they win. */
  readonly more?: Readonly<Record<string, unknown>>;
}

const LONG_AGO = "2026-01-01T00:00:00Z";

export function assignment(fields: AssignmentFields = {}): Assignment {
  const taskId = fields.taskId ?? crypto.randomUUID();
  const executionId = fields.executionId === undefined ? `exec-${taskId}` : fields.executionId;
  return {
    task_id: taskId,
    ...(executionId === null ? {} : { execution_id: executionId }),
    ...(fields.env ? { env_vars: fields.env } : {}),
    task: {
      id: taskId,
      title: fields.title ?? `t ${taskId}`,
      task_definition: { prompt: fields.prompt ?? "do it" },
      created_at: LONG_AGO,
      updated_at: LONG_AGO,
      ...(fields.owner ? { owner: fields.owner } : {}),
      ...(fields.snapshot ? { agent_config_snapshot: fields.snapshot } : {}),
    },
    ...fields.more,
  };
}

export function assignments(count: number, fields: AssignmentFields = {}): Assignment[] {
  return Array.from({ length: count }, () => assignment(fields));
}
