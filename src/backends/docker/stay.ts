/** A task in its container, which goes when the work is done. */
import type { Completion } from "../../task/backend.ts";
import type { TaskRun } from "./task-run.ts";

export interface Stay {
  readonly run: TaskRun;
  /** All that is done there, but for removing the container. */
  readonly work: Promise<void>;
}

/** Rejects with what the work did. Whatever that was, nothing of it stays in the engine that is not to be looked at. */
export async function inContainer(stay: Stay | Promise<Stay>): Promise<Completion> {
  const { run, work } = await stay;
  try {
    await work;
    return "completed";
  } finally {
    await run.remove();
  }
}
