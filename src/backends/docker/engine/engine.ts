/** The container engine, connected: the one thing that the rest of the backend holds. */
import { Agreement, type OnNewVersion } from "./agreement.ts";
import { type CallWatch, UNWATCHED } from "./call-watch.ts";
import { Calls } from "./calls.ts";
import { Containers } from "./containers.ts";
import { dialerFor, hostHeaderOf } from "./dialer.ts";
import type { ChosenEndpoint } from "./endpoint.ts";
import { EngineError, EngineUnreachable } from "./errors.ts";
import { type EngineEvent, type EventOptions, readEvents } from "./events.ts";
import { Facilities } from "./facilities.ts";
import { fieldsOf, textOf } from "./fields.ts";
import { Images } from "./images.ts";
import { type Platform, readPlatform } from "./platform.ts";
import { unreachable } from "./unreachable.ts";
import { isSince, isVersion, negotiate } from "./version.ts";
import { Volumes } from "./volumes.ts";

interface About {
  readonly api: string;
  readonly version: string;
  readonly platform: Platform;
  readonly isPodman: boolean;
}

export interface EngineNews {
  /** Hears of another version, once the engine was exchanged. */
  readonly onNew?: OnNewVersion;
  readonly watch?: CallWatch;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A socket on which something else listens may say nothing for ever. */
const FIRST_ANSWER_MS = 15_000;

export class Engine implements AsyncDisposable {
  readonly chosen: ChosenEndpoint;
  /** As the engine says: 20.10.24, 5.4.0; for the log. */
  readonly version: string;
  readonly platform: Platform;
  readonly isPodman: boolean;
  readonly containers: Containers;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly facilities: Facilities;
  readonly #agreement: Agreement;
  readonly #calls: Calls;
  readonly #closing: AbortController;

  private constructor(
    chosen: ChosenEndpoint,
    about: About,
    { agreement, calls, closing }: { agreement: Agreement; calls: Calls; closing: AbortController },
  ) {
    this.chosen = chosen;
    this.#agreement = agreement;
    this.version = about.version;
    this.platform = about.platform;
    this.isPodman = about.isPodman;
    this.containers = new Containers(calls, about);
    this.images = new Images(calls);
    this.volumes = new Volumes(calls);
    this.facilities = new Facilities(calls);
    this.#calls = calls;
    this.#closing = closing;
  }

  /**
   * Asks the engine who it is, and agrees on a version. `environment` goes to ssh, where that is the way.
   * @throws EngineUnreachable with what is wrong and what to try; the signal's reason
   */
  static async connect(
    chosen: ChosenEndpoint,
    environment: Environment,
    signal: AbortSignal,
    { onNew = () => {}, watch = UNWATCHED }: EngineNews = {},
  ): Promise<Engine> {
    const dial = dialerFor(chosen, environment);
    const closing = new AbortController();
    const common = { host: hostHeaderOf(chosen.endpoint), label: chosen.label, closing: closing.signal };
    try {
      const unversioned = new Calls(dial, { ...common, agreement: null, watch: UNWATCHED });
      const about = await askWho(unversioned, chosen, signal);
      const ask = async (asking: AbortSignal) => (await askWho(unversioned, chosen, asking)).api;
      const agreement = new Agreement(about.api, ask, onNew);
      return new Engine(chosen, about, {
        agreement,
        calls: new Calls(dial, { ...common, agreement, watch }),
        closing,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof EngineUnreachable ? error : unreachable(chosen, error);
    }
  }

  /** Agreed upon: "1.41" … */
  get api(): string {
    return this.#agreement.api;
  }

  /** Calls that wait for their answer. */
  get callsUnderway(): number {
    return this.#calls.underway;
  }

  /** By number: 1.9 < 1.41. */
  atLeast(version: string): boolean {
    return isSince(this.api, version);
  }

  /** Never ends by itself: @throws EngineGone when the engine goes away, the signal's reason when it fires. */
  events(options: EventOptions, signal: AbortSignal): AsyncIterable<EngineEvent> {
    return readEvents(this.#calls, options, signal);
  }

  /** Ends every call that is open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("The engine client was closed"));
  }
}

/** /_ping tells whether it is an engine at all, /version (of no version itself) the rest, else /info. */
async function askWho(calls: Calls, chosen: ChosenEndpoint, signal: AbortSignal): Promise<About> {
  const ping = await calls.ping(FIRST_ANSWER_MS, signal);
  const ask = async (path: string) =>
    fieldsOf(await calls.json("GET", path, { limitMs: FIRST_ANSWER_MS }, signal));
  const fields = await ask("/version").catch((error: unknown) => {
    // A proxy may let nobody see it. The ping has told which API is spoken.
    if (!isDenied(error) || !isVersion(ping.api)) throw error;
    return ask("/info").catch((second: unknown) => {
      // Then it pulls for its own platform by itself.
      if (!isDenied(second)) throw second;
      return {};
    });
  });
  const newest = isVersion(ping.api) ? ping.api : textOf(fields, "ApiVersion");
  if (!isVersion(newest))
    throw new EngineError(200, "It does not say which version of the Docker API it speaks");
  const agreed = negotiate(newest, textOf(fields, "MinAPIVersion"));
  if ("refusal" in agreed) {
    throw new EngineUnreachable(
      `Cannot use the container engine at ${chosen.label} (${chosen.why}): ${agreed.refusal}`,
    );
  }
  return {
    api: agreed.api,
    version: textOf(fields, "Version", "ServerVersion"),
    isPodman: ping.isPodman,
    platform: readPlatform(textOf(fields, "Os", "OSType") || "linux", textOf(fields, "Arch", "Architecture")),
  };
}

function isDenied(error: unknown): boolean {
  return error instanceof EngineError && (error.status === 403 || error.status === 404);
}
