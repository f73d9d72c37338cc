/**
 * What a worker that takes another's Jobs leaves in that one's Lease: each Job's name and uid. The other may only have
 * been cut off, or be started again with its journal, when the Job is gone; it would call it lost.
 */
import type { V1Job, V1Lease } from "@kubernetes/client-node";

/** The rest of the annotation's key is the Job's name, its value the uid. */
const PREFIX = "taken.oz-agent-worker/";
/** Before the uid, where taking it was refused: what becomes of it is still for its own worker to report. */
const REFUSED = "refused ";
/** An object has room for 256 KiB of them. Without its note a Job is taken all the same. */
const MOST_NOTES = 1000;

/** To be merged into the Lease of the worker that had these Jobs. `noted`: that Lease as it is, if it is known. */
export function takenNotes(
  jobs: readonly V1Job[],
  noted: V1Lease | null = null,
): Readonly<Record<string, string>> {
  const room = Math.max(0, MOST_NOTES - keysOf(noted).length);
  const entries = jobs
    // These are noted when they are had.
    .filter((job) => noted === null || !isRefusedIn(noted, job.metadata?.name ?? "", job.metadata?.uid ?? ""))
    .slice(0, room)
    .map(({ metadata }) => [`${PREFIX}${metadata?.name ?? ""}`, metadata?.uid ?? ""] as const);
  return Object.fromEntries(entries);
}

/** In the place of what `takenNotes` says of this Job. */
export function refusedNote({ metadata }: V1Job): Readonly<Record<string, string>> {
  return { [`${PREFIX}${metadata?.name ?? ""}`]: `${REFUSED}${metadata?.uid ?? ""}` };
}

/** `uid` null: not known, so any of that name. */
export function isTakenIn(lease: V1Lease, job: string, uid: string | null): boolean {
  const noted = noteIn(lease, job);
  return noted !== undefined && (uid === null ? !noted.startsWith(REFUSED) : noted === uid);
}

export function isRefusedIn(lease: V1Lease, job: string, uid: string | null): boolean {
  const noted = noteIn(lease, job) ?? "";
  return uid === null ? noted.startsWith(REFUSED) : noted === `${REFUSED}${uid}`;
}

function noteIn({ metadata }: V1Lease, job: string): string | undefined {
  return metadata?.annotations?.[`${PREFIX}${job}`];
}

/** The worker that had Jobs which others report may still want to know of that. */
export function hasTakenNotes(lease: V1Lease): boolean {
  return keysOf(lease).length > 0;
}

function keysOf(lease: V1Lease | null): readonly string[] {
  return Object.keys(lease?.metadata?.annotations ?? {}).filter((key) => key.startsWith(PREFIX));
}
