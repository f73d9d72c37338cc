/** Brings images to the engine, for tasks and for sidecars alike. */
import { Backoff } from "../../../async/backoff.ts";
import { SingleFlight } from "../../../async/single-flight.ts";
import { pause } from "../../../async/wait.ts";
import type { EnginePullPolicy } from "../../../config/settings.ts";
import type { Logger } from "../../../logging/logger.ts";
import { secondsOf } from "../../../logging/seconds-of.ts";
import type { Engine } from "../engine/engine.ts";
import { EngineError } from "../engine/errors.ts";
import type { ImageDetails } from "../engine/images.ts";
import type { Credentials, RegistryAuth } from "./credentials.ts";
import { failureWords, ImageError, isAboutCredentials, PullPatience } from "./pull-failure.ts";
import { PullWatch } from "./pull-watch.ts";
import { ImageNameError, type ImageReference, parseReference } from "./reference.ts";

/** An image that is on the engine, and of its platform. */
export interface LocalImage {
  /** sha256:… */
  readonly id: string;
  readonly reference: ImageReference;
  /** NAME@sha256:… as its registry knows it; null for one that comes from no registry. */
  readonly repoDigest: string | null;
}

export interface PullerOptions {
  readonly engine: Pick<Engine, "images" | "platform" | "atLeast">;
  readonly credentials: Credentials;
  readonly policy: EnginePullPolicy;
  readonly log: Logger;
  /** In [0, 1); for the delays between tries. */
  readonly random?: () => number;
}

/**
 * From here on a pull may name a platform. Docker 17.10 to 18.03 take its first half only ("invalid platform
 * architecture"), what is older does not look at it; without one an engine pulls for its own.
 */
const NAMED_PLATFORMS = "1.40";
const RETRY_BOUNDS = { firstMs: 1_000, lastMs: 8_000 } as const;

export class ImagePuller {
  readonly #options: PullerOptions;
  readonly #flights = new SingleFlight<LocalImage>();

  constructor(options: PullerOptions) {
    this.#options = options;
  }

  /**
   * Several who want one image at the same time share one pull, which ends with the last of them.
   * @throws ImageError with words for the operator, or the signal's reason
   */
  async ensure(image: string, signal: AbortSignal): Promise<LocalImage> {
    const reference = read(image);
    return this.#flights.run(
      reference.canonical,
      (pulling) => new Ensuring(this.#options, reference, pulling).run(),
      signal,
    );
  }
}

function read(image: string): ImageReference {
  try {
    return parseReference(image);
  } catch (error) {
    if (error instanceof ImageNameError) throw new ImageError(error.message, { cause: error });
    throw error;
  }
}

/** One image being brought. */
class Ensuring {
  readonly #options: PullerOptions;
  readonly #reference: ImageReference;
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  #auth: RegistryAuth | null = null;

  constructor(options: PullerOptions, reference: ImageReference, signal: AbortSignal) {
    this.#options = options;
    this.#reference = reference;
    this.#signal = signal;
    this.#log = options.log.with({ image: reference.familiar });
  }

  async run(): Promise<LocalImage> {
    const signal = this.#signal;
    const backoff = new Backoff(RETRY_BOUNDS, this.#options.random);
    const patience = new PullPatience();
    for (let tries = 1; ; tries++) {
      try {
        return await this.#attempt();
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof ImageError) throw error;
        if (!patience.allowsAnother(error)) throw this.#failure(error, tries);
        const delayMs = Math.round(backoff.next());
        this.#log.warn("pull failed, trying again", { tries, delayMs, error: this.#redacted(error) });
        await pause(delayMs, signal);
        signal.throwIfAborted();
      }
    }
  }

  async #attempt(): Promise<LocalImage> {
    const { policy } = this.#options;
    if (policy !== "always") {
      const present = await this.#inspect();
      // Of another platform, it may have been pulled by somebody who asked for that.
      if (present !== null && (policy === "never" || this.#fits(present))) return this.#accept(present);
      if (policy === "never") {
        throw new ImageError(
          `image ${this.#name} is not on the engine, and image_pull_policy is never: pull it there, or change the policy`,
        );
      }
    }
    await this.#pull();
    const pulled = await this.#inspect();
    // No failure of the image's own: another try may find it.
    if (pulled === null)
      throw new EngineError(
        0,
        "the engine does not have it after the pull: somebody removed it, or the answer was cut",
      );
    return this.#accept(pulled);
  }

  async #pull(): Promise<void> {
    const { engine, credentials } = this.#options;
    const { familiarName, tag, digest } = this.#reference;
    const { os, architecture } = engine.platform;
    const isNamed = engine.atLeast(NAMED_PLATFORMS) && os !== "" && architecture !== "";
    const began = performance.now();
    this.#auth = await credentials.authFor(this.#reference, this.#signal);
    this.#log.info("pulling image", { credentials: this.#auth.source });
    using watch = new PullWatch(this.#signal, this.#log);
    const request = {
      fromImage: familiarName,
      tag: digest ?? tag ?? "latest",
      platform: isNamed ? `${os}/${architecture}` : null,
      auth: this.#auth.header,
    };
    for await (const progress of engine.images.pull(request, watch.signal)) watch.saw(progress);
    watch.signal.throwIfAborted();
    this.#log.info("pulled image", { seconds: secondsOf(performance.now() - began) });
  }

  #inspect(): Promise<ImageDetails | null> {
    const { familiarName, familiar, digest } = this.#reference;
    const name = digest === null ? familiar : `${familiarName}@${digest}`;
    return this.#options.engine.images.inspect(name, this.#signal);
  }

  #accept(details: ImageDetails): LocalImage {
    if (!this.#fits(details)) {
      const { os, architecture } = this.#options.engine.platform;
      throw new ImageError(
        `image ${this.#name} is for ${details.os}/${details.architecture}, the engine runs ${os}/${architecture}`,
      );
    }
    return {
      id: details.id,
      reference: this.#reference,
      repoDigest: repoDigestOf(details, this.#reference),
    };
  }

  /** What an image or the engine does not say fits. */
  #fits({ os, architecture }: ImageDetails): boolean {
    const { platform } = this.#options.engine;
    const same = (one: string, other: string) => one === "" || other === "" || one === other;
    return same(os, platform.os) && same(architecture, platform.architecture);
  }

  #failure(error: unknown, tries: number): ImageError {
    const source = this.#auth !== null && isAboutCredentials(error) ? ` (${this.#auth.source})` : "";
    const often = tries > 1 ? `, tried ${tries} times` : "";
    return new ImageError(`cannot pull image ${this.#name}: ${this.#redacted(error)}${source}${often}`, {
      cause: error,
    });
  }

  /** Whoever speaks may quote what it was sent. */
  #redacted(error: unknown): string {
    const words = failureWords(error);
    return this.#auth === null ? words : this.#auth.redact(words);
  }

  get #name(): string {
    return JSON.stringify(this.#reference.familiar);
  }
}

/** The one under the image's own name, if there is any: an image may be in several repositories. */
function repoDigestOf({ repoDigests }: ImageDetails, wanted: ImageReference): string | null {
  const known = repoDigests.flatMap((text) => {
    const reference = readOrNull(text);
    return reference === null ? [] : [{ text, reference }];
  });
  const own = known.filter(
    ({ reference }) => reference.registry === wanted.registry && reference.path === wanted.path,
  );
  const exact = own.find(({ reference }) => reference.digest === wanted.digest);
  return (exact ?? own[0] ?? known[0])?.text ?? null;
}

/** Engines of old say `<none>@<none>`. */
function readOrNull(text: string): ImageReference | null {
  try {
    return parseReference(text);
  } catch {
    return null;
  }
}
