/** Asks the engine for a container so that none comes into being behind the caller's back. */
import { outlasting } from "../../async/wait.ts";
import type { Logger } from "../../logging/logger.ts";
import type { ContainerBody } from "./engine/container-body.ts";
import type { Containers, CreatedContainer } from "./engine/containers.ts";
import { EngineGone, isConflict } from "./engine/errors.ts";
import { patiently, persist } from "./persist.ts";

/** The engine goes on with a creation whose caller hangs up, so its answer is waited for, within reason. */
const ANSWER_MS = 10_000;
const REMOVE_MS = 30_000;
/** Docker 28 calls a conflict, too, that it cannot mount one image at two places, and nothing has the name then. */
const MOST_UNSEEN = 4;

/** As Containers.create. When the signal fires meanwhile, what was made is removed before its reason is thrown. */
export async function createContainer(
  containers: Pick<Containers, "create" | "remove">,
  name: string,
  body: ContainerBody,
  signal: AbortSignal,
): Promise<CreatedContainer> {
  signal.throwIfAborted();
  using patience = outlasting(signal, ANSWER_MS);
  const created = await containers.create(name, body, patience.signal);
  if (!signal.aborted) return created;
  // One that stays all the same is found by its labels later.
  const giveUp = AbortSignal.timeout(REMOVE_MS);
  await patiently((trying) => containers.remove(created.id, trying), giveUp).catch(() => {});
  throw signal.reason;
}

/**
 * As createContainer, of a name that nobody else has, for as long as `persist` has patience. Resolves with the container's
 * id, which an earlier try may have made whose answer was lost.
 */
export async function createOnce(
  containers: Pick<Containers, "create" | "remove" | "find" | "removeLost">,
  name: string,
  body: ContainerBody,
  { signal: outer, log }: { readonly signal: AbortSignal; readonly log: Logger },
): Promise<string> {
  let unseen = 0;
  return persist(async (signal) => {
    try {
      const { id, warnings } = await createContainer(containers, name, body, signal);
      for (const warning of warnings) log.debug("engine warns of the container", { warning });
      return id;
    } catch (error) {
      if (!isConflict(error)) throw error;
      const made = await containers.find(name, signal);
      if (made !== null) return made.id;
      if (++unseen >= MOST_UNSEEN) {
        if (body.HostConfig?.Mounts) throw error;
        await containers.removeLost(name, signal);
      }
      throw new EngineGone(`${error.message}, but there is none yet`, { cause: error });
    }
  }, outer);
}
