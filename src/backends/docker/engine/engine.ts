/** The container engine, connected: the one thing that the rest of the backend holds. */
import { Containers } from "./containers.ts";
import type { Calls } from "./calls.ts";
import type { ChosenEndpoint } from "./endpoint.ts";
import type { EngineEvent, EventOptions } from "./events.ts";
import { Images } from "./images.ts";
import { Volumes } from "./volumes.ts";

/** As image platforms name it: linux, amd64 | arm64…; variant empty for none. */
export interface EnginePlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

export class Engine implements AsyncDisposable {
  /** Negotiated: "1.41" … */
  readonly api: string;
  readonly platform: EnginePlatform;
  /** As the engine says: 20.10.24, 5.4.0; for the log. */
  readonly version: string;
  readonly chosen: ChosenEndpoint;
  readonly containers: Containers;
  readonly images: Images;
  readonly volumes: Volumes;

  private constructor(
    calls: Calls,
    chosen: ChosenEndpoint,
    about: { api: string; version: string; platform: EnginePlatform },
  ) {
    this.chosen = chosen;
    this.api = about.api;
    this.version = about.version;
    this.platform = about.platform;
    this.containers = new Containers(calls);
    this.images = new Images(calls);
    this.volumes = new Volumes(calls);
  }

  /** @throws EngineUnreachable with what is wrong and what to try; the signal's reason */
  static async connect(
    chosen: ChosenEndpoint,
    environment: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Engine> {
    throw new Error("soon");
  }

  /** By number: 1.9 < 1.41. */
  atLeast(version: string): boolean {
    return false;
  }

  events(options: EventOptions, signal: AbortSignal): AsyncIterable<EngineEvent> {
    throw new Error("soon");
  }

  /** Ends every call that is open. */
  async [Symbol.asyncDispose](): Promise<void> {}
}
