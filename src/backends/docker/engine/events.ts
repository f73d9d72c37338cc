/** What happens on the engine, as it happens. */
import type { Calls } from "./calls.ts";

export interface EngineEvent {
  /** container, image, volume, network… */
  readonly type: string;
  /** create, start, die, oom, stop, destroy… */
  readonly action: string;
  /** The container's id, the volume's name. */
  readonly id: string;
  /** Labels among them; of a `die`: exitCode. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly timeMs: number;
}

export interface EventOptions {
  /** {type: ["container"], event: ["die", "oom"], label: ["k=v"]}. */
  readonly filters: Readonly<Record<string, readonly string[]>>;
  /** Seconds since 1970, fractions allowed: what the engine remembers since then comes first. */
  readonly since?: string;
}

/** Never ends by itself: @throws EngineGone when the engine goes away, the signal's reason when it fires. */
export async function* readEvents(
  calls: Calls,
  options: EventOptions,
  signal: AbortSignal,
): AsyncIterable<EngineEvent> {}
