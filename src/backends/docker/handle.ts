/** What the journal keeps of a Docker task, to find it again and to remember how it ended. */
import type { Handle } from "../../journal/execution.ts";
import { numberOrNull } from "../../process/identity-record.ts";

export interface ContainerResult {
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** In ms since 1970, by the engine's clock; null: it did not say, or a version that did not ask. */
  readonly finishedAt: number | null;
}

export interface DockerHandle {
  /** The container's name: chosen, and saved, before the engine is asked for it. */
  readonly container: string;
  /** In full, as the engine told it: names can be changed by anybody. Empty: not yet, or by a version that kept none. */
  readonly id: string;
  /** The address of its engine, as the log has it; empty: by a version that kept none. */
  readonly engine: string;
  readonly started: boolean;
  /** A start was asked for, and may have happened, though nobody was told. */
  readonly starting: boolean;
  /** Taken over by its labels alone. An older version leaves a mark for others only then. */
  readonly adopted: boolean;
  /** The processes with this journal, the newest last, that may have marked it in the engine: no strangers. */
  readonly settlers: readonly string[];
  /** A worker that shut down has asked the engine to stop it, and may not have lived to see it end. */
  readonly stopping: boolean;
  /** When a worker began to stop it, whatever for, in ms since 1970; null: none has, or a version that did not say. */
  readonly stoppedAt: number | null;
  /** Null before it ended. */
  readonly result: ContainerResult | null;
}

/** Before anything is made. */
export function newHandle(container: string, engine = ""): DockerHandle {
  return {
    container,
    id: "",
    engine,
    started: false,
    starting: false,
    adopted: false,
    settlers: [],
    stopping: false,
    stoppedAt: null,
    result: null,
  };
}

/** A task may outlive many workers; those of long ago have left nothing undone. */
const MOST_SETTLERS = 16;

export function writeHandle({ result, settlers, ...rest }: DockerHandle): Handle {
  const { exitCode = null, oomKilled = null, finishedAt = null } = result ?? {};
  const known = settlers.slice(-MOST_SETTLERS);
  // An older version looks at one.
  const settler = known.at(-1) ?? "";
  const settledBefore = known.slice(0, -1).join(SEPARATOR);
  return { ...rest, settler, settledBefore, exitCode, oomKilled, finishedAt };
}

const SEPARATOR = ",";

/** Null for a handle of another backend. */
export function readHandle(handle: Handle | null): DockerHandle | null {
  if (handle === null) return null;
  const { container, id, started, adopted, settler, settledBefore, stopping, stoppedAt, exitCode } = handle;
  if (typeof container !== "string") return null;
  const { engine, starting, oomKilled, finishedAt } = handle;
  const result =
    typeof exitCode === "number"
      ? { exitCode, oomKilled: oomKilled === true, finishedAt: numberOrNull(finishedAt) }
      : null;
  return {
    container,
    id: typeof id === "string" ? id : "",
    engine: typeof engine === "string" ? engine : "",
    started: started === true,
    starting: starting === true,
    adopted: adopted === true,
    settlers: [settledBefore, settler].flatMap((names) =>
      typeof names === "string" && names !== "" ? names.split(SEPARATOR) : [],
    ),
    stopping: stopping === true,
    stoppedAt: numberOrNull(stoppedAt),
    result,
  };
}
