/** What happens on the engine, as it happens. */
import type { Calls } from "./calls.ts";
import { EngineGone } from "./errors.ts";
import { fieldsOf, textOf } from "./fields.ts";
import { readJsonLines } from "./json-lines.ts";

export interface EngineEvent {
  /** create, start, die, oom, stop, destroy… */
  readonly action: string;
  /** The container's id, the volume's name. */
  readonly id: string;
}

export interface EventOptions {
  /**
   * {type: ["container"], event: ["die", "died"], label: ["k=v"]}. Podman filters by names of its own
   * (died, remove) and then tells Docker's, so a filter has to have both.
   */
  readonly filters: Readonly<Record<string, readonly string[]>>;
  /** Seconds since 1970, fractions allowed: what the engine remembers since then comes first. */
  readonly since: string;
}

/** Never ends by itself: @throws EngineGone when the engine goes away, the signal's reason when it fires. */
export async function* readEvents(
  calls: Calls,
  options: EventOptions,
  signal: AbortSignal,
): AsyncIterable<EngineEvent> {
  const query = { filters: JSON.stringify(options.filters), since: options.since };
  const { body } = await calls.stream("GET", "/events", { query }, signal);
  for await (const line of readJsonLines(body)) yield readEvent(line);
  throw new EngineGone("The container engine ended its stream of events: it is stopping");
}

function readEvent(line: unknown): EngineEvent {
  const fields = fieldsOf(line);
  const actor = fieldsOf(fields["Actor"]);
  return { action: textOf(fields, "Action", "status"), id: textOf(actor, "ID") || textOf(fields, "id") };
}
