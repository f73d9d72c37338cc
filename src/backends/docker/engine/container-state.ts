/** What the engine says of a container, in our terms. */
import { incomplete } from "./errors.ts";
import { type Fields, fieldsOf, numberOf, textMapOf, textOf, textsOf } from "./fields.ts";

export interface ContainerState {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  /** The image's id. */
  readonly imageId: string;
  /** created, running, paused, restarting, removing, exited, dead; podman also: configured, stopping, stopped. */
  readonly status: string;
  /** Podman says so neither of a paused one nor of one that is stopping, and some engines leave it out: see `isAtRest`. */
  readonly running: boolean;
  /** 0 as long as it has not ended: look at `status`. */
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** The engine's words about why it could not start or end; empty when all went well. */
  readonly error: string;
  /** RFC 3339; empty for never. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** The engine says that it never has; without a word of it, nobody knows. */
  readonly neverFinished: boolean;
  readonly createdAt: string;
  readonly tty: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** NAME=VALUE, the image's included. Never to be shown. */
  readonly env: readonly string[];
}

const SHORT_ID = 12;

/** A container's id as people know it. */
export function shortIdOf(id: string): string {
  return id.slice(0, SHORT_ID);
}

const AT_REST: readonly string[] = ["created", "configured", "exited", "stopped", "removing", "dead"];

/** Nothing runs in it, for certain. Null: it is gone. */
export function isAtRest(state: ContainerState | null): boolean {
  return state === null || (!state.running && AT_REST.includes(state.status));
}

const GOING: readonly string[] = ["removing", "dead"];

/** Gone (null), or about to be. */
export function isGoing(state: ContainerState | null): boolean {
  return state === null || GOING.includes(state.status);
}

export interface ContainerSummary {
  readonly id: string;
  /** Without leading slashes. */
  readonly names: readonly string[];
  /** The image's id. */
  readonly imageId: string;
  /** As ContainerState.status. */
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970. */
  readonly createdAt: number;
}

/** Go's zero time, which the engine gives for "never". */
const NEVER = /^0001-01-01T/;

/**
 * `asked`: the id or name that it was asked for by, and which it has where the engine leaves its id out.
 * @throws EngineError for what tells nothing of a container: half an answer must not look like an end
 */
export function readContainerState(value: unknown, asked: string): ContainerState {
  const fields = fieldsOf(value);
  const state = fieldsOf(fields["State"]);
  const config = fieldsOf(fields["Config"]);
  const status = state["Status"] === undefined ? statusOf(state) : textOf(state, "Status");
  if (status === "") throw incomplete("the container's status");
  if (typeof state["ExitCode"] !== "number") throw incomplete("the container's exit code");
  return {
    id: textOf(fields, "Id") || asked,
    name: textOf(fields, "Name").replace(/^\//, ""),
    imageId: textOf(fields, "Image"),
    status,
    running: state["Running"] === true,
    exitCode: numberOf(state, "ExitCode"),
    oomKilled: state["OOMKilled"] === true,
    error: textOf(state, "Error"),
    startedAt: timeOf(state, "StartedAt"),
    finishedAt: timeOf(state, "FinishedAt"),
    neverFinished: NEVER.test(textOf(state, "FinishedAt")),
    createdAt: timeOf(fields, "Created"),
    tty: config["Tty"] === true,
    labels: textMapOf(config["Labels"]),
    env: textsOf(config["Env"]),
  };
}

/** Of an engine that has no word for it, as before API 1.21: by whether it runs. Empty: nobody knows. */
function statusOf(state: Fields): string {
  const { Running: running } = state;
  if (typeof running !== "boolean") return "";
  if (running) return "running";
  return NEVER.test(textOf(state, "StartedAt")) ? "created" : "exited";
}

/** One of a list; what the engine leaves out is empty. */
export function readContainerSummary(value: unknown): ContainerSummary {
  const fields = fieldsOf(value);
  return {
    id: textOf(fields, "Id"),
    names: textsOf(fields["Names"]).map((name) => name.replace(/^\//, "")),
    imageId: textOf(fields, "ImageID"),
    state: textOf(fields, "State"),
    labels: textMapOf(fields["Labels"]),
    createdAt: numberOf(fields, "Created"),
  };
}

function timeOf(fields: Fields, name: string): string {
  const time = textOf(fields, name);
  return NEVER.test(time) ? "" : time;
}

/** As its engine calls it now; its id where that has no name for it. */
export function nameOf({ names, id }: Pick<ContainerSummary, "names" | "id">): string {
  return names[0] ?? id;
}
