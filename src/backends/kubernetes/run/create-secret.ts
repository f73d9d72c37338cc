/** Puts a task's environment into the cluster: the Secret that its Job owns. */
import { wordsOf } from "../../../logging/words-of.ts";
import { TaskFailure } from "../../../task/backend.ts";
import type { TaskSpec } from "../../../task/prepare.ts";
import { buildEnvSecret } from "../job/env-secret.ts";
import type { CreatedJob } from "./create-job.ts";
import { adviceFor, type CreateContext, exists, isCollision, patiently } from "./creation.ts";

/** Six characters in base64: shorter values are no secrets, and would hide plain words. */
const SHORTEST_HIDDEN = 8;

/** Owned by the Job, so that both go together. Throws as createJob. */
export async function createEnvSecret(
  task: TaskSpec,
  { job, isAnothers }: CreatedJob,
  context: CreateContext,
): Promise<void> {
  const { cluster } = context;
  const secret = buildEnvSecret({ task, job });
  const name = secret.metadata?.name ?? "";
  const tell = (error: unknown) => wordsWithout(secret.data, error);
  try {
    await patiently(
      async (signal) => {
        try {
          await cluster.createSecret(secret, signal);
        } catch (error) {
          if (!exists(error)) throw error;
          // Which of the values is whose stands in the Job, and may be otherwise with this worker's configuration.
          if (isAnothers) return;
          // Of an earlier Job of this name, or of a create whose answer was lost; it cannot be changed.
          await cluster.deleteSecret(name, signal);
          await cluster.createSecret(secret, signal);
        }
      },
      context,
      { alsoPasses: isCollision, tell },
    );
  } catch (error) {
    context.signal.throwIfAborted();
    throw new TaskFailure(
      "job_create",
      `cannot create the Secret "${name}" for the task's environment in namespace "${cluster.namespace}": ${tell(error)}${adviceFor(error)}`,
    );
  }
}

/** An admission policy may quote what it refuses, and these are the forms in which the values were sent. */
function wordsWithout(data: Readonly<Record<string, string>> | undefined, error: unknown): string {
  const values = Object.values(data ?? {}).filter(({ length }) => length >= SHORTEST_HIDDEN);
  return values.reduce((words, value) => words.replaceAll(value, "***"), wordsOf(error));
}
