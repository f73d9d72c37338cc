/** The volume for an image's files that one task alone sees, and which goes with it. */
import { outlasting } from "../../../async/wait.ts";
import type { Engine } from "../engine/engine.ts";
import type { LocalImage } from "../images/puller.ts";
import { LABELS, type Labels, type Role } from "../labels.ts";
import type { FilledVolume } from "./shared-volume.ts";
import { volumeNameOf } from "./volume-name.ts";

/** The container that it is for, by name, and marks for what goes with that. */
interface Host {
  readonly container: string;
  readonly labels: Labels;
}

/** So long an engine is waited for that was asked for a volume nobody wants any more. */
const ANSWER_MS = 10_000;

/** Still to be filled. Throws what the engine throws, or the signal's reason. */
export async function makePrivateCopy(
  { volumes }: Pick<Engine, "volumes">,
  image: LocalImage,
  host: Host,
  signal: AbortSignal,
): Promise<FilledVolume> {
  const name = `${volumeNameOf(image)}-${crypto.randomUUID().slice(0, 8)}`;
  const filling = crypto.randomUUID();
  const role: Role = "private-sidecar";
  const labels = {
    ...host.labels,
    [LABELS.role]: role,
    [LABELS.container]: host.container,
    [LABELS.filling]: filling,
  };
  // The engine goes on with what it was asked for: a volume that comes once the copies were removed stays.
  using patience = outlasting(signal, ANSWER_MS);
  const made = await volumes.create({ name, labels }, patience.signal);
  signal.throwIfAborted();
  // The engine gives out what is there already, and nothing of ours may be written to that.
  if (made.labels[LABELS.filling] !== filling) throw new Error(`there is a volume ${name} already`);
  return { name, filling };
}
