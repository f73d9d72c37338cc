/** The engine as a bystander asks it: plain requests, nothing of the worker's own client. */

export interface ContainerEntry {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

export interface InspectedContainer {
  readonly Id: string;
  /** Its image's id. */
  readonly Image: string;
  readonly Name: string;
  readonly State: { readonly Status: string; readonly Running: boolean; readonly ExitCode: number };
  readonly Config: {
    readonly Image: string;
    readonly Cmd: readonly string[];
    readonly Entrypoint: readonly string[] | null;
    readonly Env: readonly string[];
    readonly WorkingDir: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly HostConfig: {
    readonly Binds: readonly string[] | null;
    readonly Mounts?: readonly { readonly Type: string; readonly Source: string; readonly Target: string }[];
    readonly NanoCpus: number;
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly SecurityOpt: readonly string[] | null;
    readonly PidsLimit: number | null;
    readonly CapDrop: readonly string[] | null;
    readonly NetworkMode: string;
    readonly Runtime?: string;
  };
  readonly Mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Destination: string;
    readonly RW: boolean;
  }[];
}

export interface VolumeEntry {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Mountpoint: string;
}

export class DockerApi {
  readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  /** The body as it came, JSON parsed where it is some. @throws on a status of 400 and above */
  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`http://docker${path}`, {
      method,
      unix: this.socket,
      timeout: false,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    const text = await response.text();
    if (response.status >= 400) throw new Error(`${method} ${path}: ${response.status} ${text.trim()}`);
    // What follows the progress of something is JSON too, but a line of it at a time.
    const isJson = response.headers.get("Content-Type")?.startsWith("application/json");
    return isJson && !path.startsWith("/images/create") ? JSON.parse(text) : text;
  }

  /** Running or not. `labels`: `name=value` or `name`. */
  async containers(...labels: readonly string[]): Promise<readonly ContainerEntry[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: labels }));
    return (await this.ask("GET", `/containers/json?all=1&filters=${filters}`)) as ContainerEntry[];
  }

  async inspect(id: string): Promise<InspectedContainer> {
    return (await this.ask("GET", `/containers/${id}/json`)) as InspectedContainer;
  }

  async volumes(): Promise<readonly VolumeEntry[]> {
    const { Volumes } = (await this.ask("GET", "/volumes")) as { Volumes: VolumeEntry[] | null };
    return Volumes ?? [];
  }

  async remove(id: string): Promise<void> {
    await this.ask("DELETE", `/containers/${id}?force=1&v=1`).catch((error: Error) => {
      if (!/: (?:404|409) /.test(error.message)) throw error;
    });
  }

  /** Creates and starts. @returns its id */
  async start(body: Readonly<Record<string, unknown>>): Promise<string> {
    const { Id } = (await this.ask("POST", "/containers/create", body)) as { Id: string };
    await this.ask("POST", `/containers/${Id}/start`);
    return Id;
  }

  async wait(id: string): Promise<number> {
    const { StatusCode } = (await this.ask("POST", `/containers/${id}/wait`)) as { StatusCode: number };
    return StatusCode;
  }

  /** Standard output and error, frames and all. */
  async logs(id: string): Promise<string> {
    return String(await this.ask("GET", `/containers/${id}/logs?stdout=1&stderr=1`));
  }

  /** `layer`: a tar archive of all that is in it. */
  async importImage(name: string, layer: Uint8Array<ArrayBuffer>): Promise<void> {
    const path = `/images/create?fromSrc=-&repo=${name}&tag=latest`;
    const { status } = await fetch(`http://docker${path}`, {
      method: "POST",
      unix: this.socket,
      body: layer,
    });
    if (status >= 400) throw new Error(`POST ${path}: ${status}`);
  }

  async pull(image: string): Promise<void> {
    const [, name = "", tag = "latest"] = /^(.*):([^/:]+)$/.exec(image) ?? [];
    const said = await this.ask("POST", `/images/create?fromImage=${encodeURIComponent(name)}&tag=${tag}`);
    if (String(said).includes('"error"')) throw new Error(`Cannot pull ${image}: ${said}`);
  }
}
