/** What the engine that keeps state keeps of containers and volumes, and says of them in the API's own names. */

export type Texts = Readonly<Record<string, string>>;

export interface CreateBody {
  readonly Image: string;
  readonly Env?: readonly string[];
  readonly Labels?: Texts;
  readonly HostConfig?: { readonly Binds?: readonly string[] };
}

export interface StoredContainer {
  readonly id: string;
  name: string;
  readonly body: CreateBody;
  readonly labels: Texts;
  /** Seconds since 1970. */
  createdAt: number;
  status: string;
  exitCode: number;
  oomKilled: boolean;
  startedAt: string;
  finishedAt: string;
  /** It goes on when it is told to stop; killed, it ends. */
  stubborn: boolean;
  /** Settles when it does not run any more. */
  ended: PromiseWithResolvers<void>;
}

export interface StoredVolume {
  readonly name: string;
  readonly labels: Texts;
  createdAt: string;
  /** What was unpacked into it; empty: nothing. */
  files: string;
}

export function told({ name, labels, createdAt }: StoredVolume) {
  return { Name: name, Driver: "local", Labels: labels, CreatedAt: createdAt, Mountpoint: "" };
}

/** As one of a list. */
export function listed({ id, name, body, labels, status, createdAt }: StoredContainer) {
  return {
    Id: id,
    ImageID: body.Image,
    Names: [`/${name}`],
    State: status,
    Labels: labels,
    Created: createdAt,
  };
}

/** When a container was started and ended. */
export type Times = "told" | "left out" | "start only";

/** As Go writes it. */
export const NEVER = "0001-01-01T00:00:00Z";

export function inspected(container: StoredContainer, times: Times) {
  const { id, name, body, labels, createdAt, status, exitCode, oomKilled, startedAt, finishedAt } = container;
  const running = status === "running";
  return {
    Id: id,
    Name: `/${name}`,
    Created: new Date(createdAt * 1000).toISOString(),
    Image: body.Image,
    State: {
      Status: status,
      Running: running,
      ExitCode: exitCode,
      OOMKilled: oomKilled,
      ...(times === "left out" ? {} : { StartedAt: startedAt }),
      ...(times === "left out" ? {} : { FinishedAt: times === "told" ? finishedAt : NEVER }),
    },
    Config: { Image: body.Image, Labels: labels, Env: body.Env ?? [], Tty: false },
  };
}

/** All that is left of that where an engine tells little. */
export function barely(container: StoredContainer, times: Times) {
  return { State: inspected(container, times).State };
}
