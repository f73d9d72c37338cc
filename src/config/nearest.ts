/** The known name that a mistyped one was probably meant to be. */
import distance from "leven";

/** Null when nothing is near enough: a far-fetched guess misleads more than none. */
export function nearest(given: string, known: readonly string[]): string | null {
  const wanted = plain(given);
  let best: { readonly name: string; readonly away: number } | null = null;
  for (const name of known) {
    const away = distance(wanted, plain(name));
    if (best === null || away < best.away) best = { name, away };
  }
  if (best !== null && best.away <= Math.min(3, Math.ceil(wanted.length / 3))) return best.name;
  const longer = known.filter((name) => wanted.length >= 3 && plain(name).startsWith(wanted));
  return longer.length === 1 ? (longer[0] ?? null) : null;
}

/** ` (did you mean "x"?)`, or nothing. */
export function suggestion(given: string, known: readonly string[]): string {
  return didYouMean(nearest(given, known));
}

export function didYouMean(name: string | null): string {
  return name === null ? "" : ` (did you mean "${name}"?)`;
}

/** `workerId`, `worker-id` and `worker_id` are one word to the person who types. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, "");
}
