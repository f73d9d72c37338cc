/** What the containers of a failed task wrote, for the worker's log. */
import type { V1Pod } from "@kubernetes/client-node";
import type { Logger } from "../../../logging/logger.ts";
import type { Redact } from "../../../logging/redact.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { Cluster } from "../cluster.ts";

const LIMIT_BYTES = 1024 * 1024;
/** A log that cannot be had holds no report up. */
const PATIENCE_MS = 15_000;

/** Each container's, 1 MiB at most, known secrets taken out. Never rejects. */
export async function logFailure(
  cluster: Cluster,
  pods: readonly V1Pod[],
  redact: Redact,
  log: Logger,
): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  for (const pod of pods) {
    const { name = "" } = pod.metadata ?? {};
    for (const container of startedContainers(pod)) {
      try {
        const output = await cluster.podLog(name, container, signal, { limitBytes: LIMIT_BYTES });
        if (output === "") continue;
        log.info("output of a container of the failed task", {
          pod: name,
          container,
          output: redact(output),
        });
      } catch (error) {
        log.info("no output of a container of the failed task", {
          pod: name,
          container,
          why: wordsOf(error),
        });
      }
    }
  }
}

/** In the order in which they ran; one that was never started has written nothing. */
function startedContainers({ status }: V1Pod): readonly string[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
    .filter(({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated)
    .map(({ name }) => name);
}
