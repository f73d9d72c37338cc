/** Puts an image's files into a volume without running anything of the image: it may have no shell, no tar. */
import { type Expiry, expiring } from "../../../async/wait.ts";
import { createContainer } from "../creation.ts";
import type { ByteStream } from "../engine/calls.ts";
import { isGoing } from "../engine/container-state.ts";
import type { Containers } from "../engine/containers.ts";
import type { Engine } from "../engine/engine.ts";
import { EngineError, EngineGone, NOT_FOUND } from "../engine/errors.ts";
import { LABELS, type Labels, type Role } from "../labels.ts";
import { neverStarted } from "../ownership/engine-lock.ts";
import { patiently } from "../persist.ts";
import { imageFilesOf } from "./image-files.ts";

export interface Filling {
  /** The image's id. */
  readonly image: string;
  readonly volume: string;
  /** The worker's own, for the two containers that it takes. */
  readonly labels: Labels;
}

const TARGET = "/oz-sidecar";
const CLEAN_UP_MS = 30_000;
/** Of a large image an engine writes for minutes, but it reads all the while. */
const STALL_MS = 10 * 60_000;

/** The volume has to exist and be empty. */
export async function fillVolume(
  { containers }: Pick<Engine, "containers">,
  { image, volume, labels }: Filling,
  signal: AbortSignal,
): Promise<void> {
  const role: Role = "filler";
  const marked = { ...labels, [LABELS.role]: role, [LABELS.fills]: volume };
  const name = `oz-worker-filler-${crypto.randomUUID().slice(0, 8)}`;
  const names = { source: `${name}-source`, target: `${name}-target` };
  // Before they are made, and by their names: of one whose answer was lost nobody knows the id.
  const asked: string[] = [names.source];
  let isCut = false;
  try {
    const source = await createContainer(containers, names.source, neverStarted(image, marked), signal);
    asked.push(names.target);
    const binds = [`${volume}:${TARGET}`];
    const target = await createContainer(
      containers,
      names.target,
      neverStarted(image, marked, binds),
      signal,
    );
    await copyFiles(containers, { from: source.id, to: target.id }, signal);
  } catch (error) {
    // Not of one that nobody waits for any more: it may be in the making still.
    isCut = error instanceof EngineGone;
    throw error;
  } finally {
    const giveUp = AbortSignal.timeout(CLEAN_UP_MS);
    const clear = async (one: string, trying: AbortSignal) => {
      await containers.remove(one, trying);
      if (isCut) await containers.removeLost(one, trying);
    };
    // What cannot be removed now is found by its labels later.
    await Promise.allSettled(asked.map((one) => patiently((trying) => clear(one, trying), giveUp)));
  }
}

async function copyFiles(
  containers: Pick<Containers, "readRoot" | "putArchive" | "find">,
  { from, to }: { readonly from: string; readonly to: string },
  signal: AbortSignal,
): Promise<void> {
  using patience = expiring(signal, STALL_MS, stalled);
  try {
    const files = await containers.readRoot(from, patience.signal);
    await containers.putArchive(to, TARGET, imageFilesOf(moving(files, patience)), patience.signal);
  } catch (error) {
    // Of one that somebody removes while it works on it an engine says whatever went wrong, with status 500.
    if (!(error instanceof EngineError) || (await areThere(containers, [from, to], signal))) throw error;
    throw new EngineError(NOT_FOUND, error.message);
  } finally {
    // Of files that are not sent to their end nobody else lets go, and the engine goes on reading them.
    patience.expire();
  }
}

/** As far as the engine tells. */
async function areThere(
  containers: Pick<Containers, "find">,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const states = await Promise.all(ids.map((id) => containers.find(id, signal)));
    return !states.some(isGoing);
  } catch (error) {
    if (error instanceof EngineError) return true;
    throw error;
  }
}

/** Whoever waits for the volume would wait with it, for ever. */
function stalled(): EngineGone {
  const minutes = STALL_MS / 60_000;
  return new EngineGone(
    `The container engine did not go on with copying an image's files for ${minutes} minutes`,
  );
}

async function* moving(files: ByteStream, patience: Expiry): ByteStream {
  for await (const bytes of files) {
    patience.renew();
    yield bytes;
  }
}
