/** What the volume of a sidecar image is called: every worker on the engine comes to the same name. Pure. */
import type { LocalImage } from "../images/puller.ts";

const DIGITS = 12;

/** `oz-agent-0123456789ab` for `oz/agent`: named for the digest, so that another version has another volume. */
export function volumeNameOf({ reference, repoDigest, id }: LocalImage): string {
  const repository = (repoDigest?.split("@")[0] ?? reference.familiarName).replace(/[^A-Za-z0-9_.-]/g, "-");
  return `${repository}-${hexOf(repoDigest ?? id)}`;
}

/** The mark beside a volume that says that it holds all of its image. */
export function completionNameOf(volume: string): string {
  return `${volume}.complete`;
}

export function lockNameOf(volume: string): string {
  return `oz-worker-fills-${volume}`;
}

/** The first digits of `repo@sha256:…` or `sha256:…`. */
function hexOf(digest: string): string {
  return digest.slice(digest.lastIndexOf(":") + 1).slice(0, DIGITS);
}
