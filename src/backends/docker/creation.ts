/** Asks the engine for a container so that none comes into being behind the caller's back. */
import { outlasting } from "../../async/wait.ts";
import type { ContainerBody } from "./engine/container-body.ts";
import type { Containers, CreatedContainer } from "./engine/containers.ts";
import { patiently } from "./persist.ts";

/** The engine goes on with a creation whose caller hangs up, so its answer is waited for, within reason. */
const ANSWER_MS = 10_000;
const REMOVE_MS = 30_000;

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
