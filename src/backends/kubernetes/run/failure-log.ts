/** What the containers of a failed task wrote, for the worker's log. */
import type { V1Pod } from "@kubernetes/client-node";
import type { Logger } from "../../../logging/logger.ts";
import { wordsOf } from "../../../logging/words-of.ts";
import type { Cluster } from "../cluster.ts";

const LIMIT_BYTES = 1024 * 1024;
/** The limit in bytes holds from where one begins to read, and what went wrong stands at the end. */
const TAIL_LINES = 2_000;
/** A log that cannot be had holds no report up. */
const PATIENCE_MS = 15_000;

/** The end of each container's, 1 MiB at most. Never rejects. */
export async function logFailure(cluster: Cluster, pods: readonly V1Pod[], log: Logger): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const options = { limitBytes: LIMIT_BYTES, tailLines: TAIL_LINES };
  for (const pod of pods) {
    const { name = "" } = pod.metadata ?? {};
    for (const container of startedContainers(pod)) {
      try {
        const output = await cluster.podLog(name, container, signal, options);
        for (const text of linesOf(output)) {
          if (text !== "") log.info("task output", { pod: name, container, text });
        }
      } catch (error) {
        log.info("cannot read the output of a container", {
          pod: name,
          container,
          why: wordsOf(error),
        });
      }
    }
  }
}

/** Without the half of a line that the limit leaves: half a secret in it nobody would recognize. */
function linesOf(output: string): readonly string[] {
  const lines = output.split(/\r?\n/);
  if (output.endsWith("\n") || Buffer.byteLength(output) < LIMIT_BYTES) return lines;
  return [...lines.slice(0, -1), "(the rest is over the limit of 1 MiB)"];
}

/** In the order in which they ran; one that was never started has written nothing. */
function startedContainers({ status }: V1Pod): readonly string[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
    .filter(({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated)
    .map(({ name }) => name);
}
